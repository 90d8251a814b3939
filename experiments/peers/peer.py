"""What is known of a peer before it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from signal import SIGTERM, Signals


class Interface(StrEnum):
    """What an application for a peer is written against."""

    ASGI = "asgi"
    WSGI = "wsgi"
    RSGI = "rsgi"
    NATIVE = "native"
    PYRONOVA = "pyronova"
    DART = "dart"
    #: No application at all: nginx and the floor answer with fixed bytes.
    FIXED = "fixed"


#: The interfaces whose applications a peer is told as "module:attribute".
PYTHON = (Interface.ASGI, Interface.WSGI, Interface.RSGI, Interface.NATIVE)


class MissingPeerError(Exception):
    """A peer that cannot be had here; the text says why, for a person to read."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Words of a peer's command line, or of its configuration, and why it has them."""

    words: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a command is made from.

    Attributes:
      app: "module:attribute", or where the interface has no such thing, the handler's name.
      port: a free one of loopback.
      python: the interpreter of the peers' environment.
      folder: for files that a peer is given, and those it writes.
      program: where a peer that is no Python package lies.
    """

    app: str
    port: int
    workers: int
    python: str
    folder: Path
    program: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server in its best configuration.

    Attributes:
      packages: what the environment needs from PyPI for it; the first is the server.
      optional: makes it faster, but is not to be had everywhere; versions say whether it was.
      program: the name that `programs.ensure` knows it by, where it is no Python package.
      command: makes the command line, without the settings' words.
      settings: added to the command, in this order.
      configured: what it is told otherwise, in a file or a program of its own.
      most_workers: where it cannot have any number.
      stop: the signal on which it ends.
    """

    name: str
    interface: Interface
    packages: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    program: str | None = None
    command: Callable[[Launch], Sequence[str]]
    settings: tuple[Setting, ...] = ()
    configured: tuple[Setting, ...] = ()
    most_workers: int | None = None
    stop: Signals = SIGTERM
    environment: tuple[tuple[str, str], ...] = field(default=())

    def words(self, launch: Launch) -> tuple[str, ...]:
        """The whole command line. MissingPeerError where it cannot be run so."""
        if self.most_workers is not None and launch.workers > self.most_workers:
            raise MissingPeerError(f"{self.name} has at most {self.most_workers} worker(s)")
        options = (word for setting in self.settings for word in setting.words)
        return (*self.command(launch), *options)
