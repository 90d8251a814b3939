"""Peers made ready and started."""

import atexit
import tempfile
from functools import cache
from pathlib import Path
from typing import Self

import subsrv
from experiments.harness.server import Command, free_port
from experiments.peers import programs, python
from experiments.peers.peer import Launch, MissingPeerError
from experiments.peers.python import PeersPython
from experiments.peers.registry import PEERS
from subsrv.bench.launch import LaunchError


class Peers:
    """The registry on one interpreter. A context manager: leaving it removes its files.

    What peers need is fetched or made at their first use, and kept for later runs.
    """

    def __init__(self, leg: str = "3.14") -> None:
        """`leg` names the interpreter for the Python peers, as `tools.run` does: "3.14", "t"."""
        self.leg = leg
        self._folder = tempfile.TemporaryDirectory(prefix="subsrv-peers-")
        self._launches = 0
        self._python: PeersPython | MissingPeerError | None = None
        self._programs: dict[str, tuple[Path, str] | MissingPeerError] = {}

    def version(self, name: str) -> str:
        """The version of a peer, with those of what it is configured to use.

        MissingPeerError where it cannot be had; the text says why.
        """
        peer = PEERS[name]
        if peer.program is not None:
            return self._program(peer.program)[1]
        installed = self.python()
        if not peer.packages:
            return subsrv.__version__  # from the checkout, as it is
        installed.need(peer.packages)
        server, *others = peer.packages
        used = [f"{package} {installed.versions[package]}" for package in others]
        used += (
            f"{package} {installed.versions[package]}"
            if package in installed.versions
            else f"no {package}"
            for package in peer.optional
        )
        return " + ".join((installed.versions[server], *used))

    def command(self, name: str, *, app: str, workers: int) -> Command:
        """How a peer is run on a free port of loopback.

        Args:
            app: "module:attribute" for a Python interface, else a handler's name ("hello").

        Raises:
            MissingPeerError: it cannot be had, or not with so many workers.
        """
        peer = PEERS[name]
        version = self.version(name)
        self._launches += 1
        folder = Path(self._folder.name, f"{name}-{self._launches}")
        folder.mkdir()
        launch = Launch(
            app=app,
            port=free_port(),
            workers=workers,
            python="" if peer.program else self.python().path,
            folder=folder,
            program=self._program(peer.program)[0] if peer.program else None,
        )
        return Command(
            words=peer.words(launch),
            url=f"http://127.0.0.1:{launch.port}",
            env=dict(peer.environment),
            facts={"version": version},
            stop=peer.stop,
            statuses=None,
        )

    def python(self) -> PeersPython:
        """The environment of the Python peers. MissingPeerError where it cannot be made."""
        if self._python is None:
            try:
                self._python = python.ensure(
                    self.leg,
                    (
                        packages
                        for peer in PEERS.values()
                        for packages in (peer.packages, peer.optional)
                        if packages
                    ),
                )
            except MissingPeerError as error:
                self._python = error
        if isinstance(self._python, MissingPeerError):
            raise self._python
        return self._python

    def _program(self, name: str) -> tuple[Path, str]:
        if name not in self._programs:
            try:
                self._programs[name] = programs.ensure(name, Path(self._folder.name))
            except MissingPeerError as error:
                self._programs[name] = error
        found = self._programs[name]
        if isinstance(found, MissingPeerError):
            raise found
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove its files."""
        self._folder.cleanup()


@cache
def of_this_process() -> Peers:
    """Those that studies launch; what they need is made at the first launch."""
    made = Peers()
    atexit.register(made.close)
    return made


def launched(name: str, *, app: str, workers: int = 1) -> Command:
    """See Peers.command. LaunchError, a failure that a study records, where it cannot be had."""
    try:
        return of_this_process().command(name, app=app, workers=workers)
    except MissingPeerError as error:
        raise LaunchError(f"not had: {error}") from error
