"""A server under test, started in the repository's folder by subsrv's own `bench.launch`."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from experiments.harness.paths import REPOSITORY, scrub
from subsrv.bench import launch


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(launch.Command):
    """How a server is run, and what is known of it now, for the raw data: versions, say."""

    facts: Mapping[str, str | int | float] = field(default_factory=dict)


def subsrv(
    python: str, app: str, *, mode: str, workers: int, options: Sequence[str] = ()
) -> tuple[str, ...]:
    """The words that serve `app` with this repository's subsrv on a free port of loopback."""
    return launch.command(app, mode=mode, workers=workers, options=options, python=python)


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Server(launch.Server):
    """A running server; LaunchError if it does not start, or does not stop cleanly."""

    def __init__(
        self,
        command: launch.Command | tuple[str, ...],
        *,
        pinned: frozenset[int] | None = None,
        own_session: bool = True,
    ) -> None:
        """Start it, on these CPUs alone if they are given."""
        super().__init__(command, cwd=REPOSITORY, cpus=pinned, own_session=own_session)


def in_words(error: Exception) -> str:
    """The error's text with its detail and notes, the server's log among them, to be published."""
    parts = [str(error), *getattr(error, "__notes__", ())]
    detail = getattr(error, "detail", None)
    if detail and detail not in parts[0]:
        parts.append(detail)
    return scrub("\n".join(parts))
