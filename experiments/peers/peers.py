"""Peers made ready and started."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import subsrv
from experiments.peers import programs, python
from experiments.peers.peer import Launch, MissingPeerError, Peer
from experiments.peers.python import PeersPython
from experiments.peers.registry import PEERS
from experiments.peers.server import PeerServer, free_port


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
        used = (f"{package} {installed.versions[package]}" for package in others)
        return " + ".join((installed.versions[server], *used))

    def missing(self, names: Iterable[str]) -> dict[str, str]:
        """Those of the named peers that cannot be had here, and why."""
        reasons = {}
        for name in names:
            try:
                self.version(name)
            except MissingPeerError as error:
                reasons[name] = str(error)
        return reasons

    def launch(self, name: str, *, app: str, workers: int) -> tuple[Peer, Launch]:
        """A peer, and a launch of it on a free port of loopback, which `Peer.words` starts.

        Args:
            app: "module:attribute" for a Python interface, else a handler's name ("hello").

        Raises:
            MissingPeerError: it cannot be had.
        """
        peer = PEERS[name]
        self.version(name)
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
        return peer, launch

    def start(self, name: str, *, app: str, workers: int, path: str = "/") -> PeerServer:
        """Start a peer as `launch` has it; it has answered GET `path` when this returns.

        Raises:
            MissingPeerError: it cannot be had, or not with so many workers.
            PeerError: it does not start.
        """
        peer, launch = self.launch(name, app=app, workers=workers)
        return PeerServer(
            peer.words(launch),
            launch.port,
            path=path,
            environment=dict(peer.environment),
            stop_signal=peer.stop,
        )

    def python(self) -> PeersPython:
        """The environment of the Python peers. MissingPeerError where it cannot be made."""
        if self._python is None:
            try:
                self._python = python.ensure(
                    self.leg, (peer.packages for peer in PEERS.values() if peer.packages)
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
