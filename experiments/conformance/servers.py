"""The servers that the cases are sent to: subsrv in each mode, and the peers."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from experiments.conformance.wire import Address
from experiments.harness.interpreters import FREE_THREADED, GIL, InterpreterError, Interpreters
from experiments.harness.server import Command, Server, in_words, subsrv
from experiments.harness.verify import WrongAnswerError, first_answer
from experiments.peers.peer import MissingPeerError
from experiments.peers.peers import Peers
from subsrv.bench.launch import LaunchError

_APP = "experiments.conformance.echo:"

MODES = ("interp", "nogil", "thread", "process")
PEERS = (
    *("uvicorn-h11", "uvicorn-httptools", "uvicorn-zttp", "hypercorn", "granian-asgi"),
    *("granian-wsgi", "fastpysgi-asgi", "fastpysgi-wsgi", "gunicorn-sync", "gunicorn-asgi"),
)
SUBSRV = (*(f"subsrv-{mode}" for mode in MODES), "subsrv-wsgi")
NAMES = (*SUBSRV, *PEERS)


class UnavailableServerError(Exception):
    """A server that cannot be had, or does not start; the text says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    address: Address
    version: str
    python: str


class Servers:
    """Starts them by name, each with one worker and the echo application."""

    def __init__(self, peers: Peers, interpreters: Interpreters) -> None:
        self._peers = peers
        self._interpreters = interpreters

    @contextlib.contextmanager
    def start(self, name: str) -> Iterator[Running]:
        """The named server while the block lasts. UnavailableServerError."""
        with self._subsrv(name) if name in SUBSRV else self._peer(name) as running:
            yield running

    @contextlib.contextmanager
    def _subsrv(self, name: str) -> Iterator[Running]:
        kind = name.removeprefix("subsrv-")
        mode = kind if kind in MODES else "interp"
        app = _APP + ("wsgi" if kind == "wsgi" else "asgi")
        try:
            interpreter = self._interpreters.get(FREE_THREADED if mode == "nogil" else GIL)
        except InterpreterError as error:
            raise UnavailableServerError(str(error)) from error
        command = Command(words=subsrv(interpreter.path, app, mode=mode, workers=1))
        with Server(command) as server:
            yield Running(server.address, "this checkout", interpreter.name)

    @contextlib.contextmanager
    def _peer(self, name: str) -> Iterator[Running]:
        interface = "wsgi" if name.endswith(("wsgi", "sync")) else "asgi"
        try:
            command = self._peers.command(name, app=_APP + interface, workers=1)
            server = Server(command)
        except (MissingPeerError, LaunchError) as error:
            raise UnavailableServerError(in_words(error)) from error
        try:
            first_answer(server)  # its listener may belong to a parent that has no workers yet
            yield Running(server.address, self._peers.version(name), self._peers.leg)
        except WrongAnswerError as error:
            raise UnavailableServerError(f"{in_words(error)}: {server.log()}") from error
        finally:
            server.kill()  # one that hangs heeds nothing else
