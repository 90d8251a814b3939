"""A worker under callgrind, and the client that knows when to ask it what."""

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from experiments.harness.paths import REPOSITORY
from experiments.instructions import app, callgrind
from experiments.instructions.callgrind import Counts
from experiments.instructions.traffic import CONNECTIONS, HOST
from experiments.instructions.traffic import Path as Way
from subsrv.bench.answers import AnswerReader
from subsrv.config import Config
from subsrv.control import Channel
from subsrv.spec import Spec

_PATIENCE = 120.0  # seconds that a worker under callgrind may take for anything
_ANSWER = 1 << 20

_SERVE = "experiments.instructions.serve"


class CountingError(Exception):
    """The worker did not do what was asked of it."""


class Worker:
    """One worker, process or interp, by itself, in which every instruction is counted."""

    def __init__(self, python: str, interface: str, folder: Path, mode: str) -> None:
        self._folder = folder
        self._marks = 0
        self._number = 0  # of requests
        self._gate, theirs = socket.socketpair()
        self._gate.settimeout(_PATIENCE)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2 * CONNECTIONS)
        self._listener.setblocking(False)
        self._channel, control = Channel.pair()
        config = Config(app=f"{app.__name__}:{interface}", mode=mode, workers=1)
        spec = Spec(config, 0, (os.dup(self._listener.fileno()),), control.fileno())
        words = callgrind.command(folder, app.MARK, (python, "-m", _SERVE, mode, spec.dumps()))
        # Counts depend on hashes; on where things are in memory they do not, or hardly.
        env = {**os.environ, "PYTHONHASHSEED": "0", app.GATE: str(theirs.fileno())}
        with control, theirs:
            self._process = subprocess.Popen(
                words,
                env=env,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                pass_fds=(*spec.listeners, control.fileno(), theirs.fileno()),
            )
            os.close(spec.listeners[0])
        self._hear("ready")
        self._control = self._connect()
        self._begin()
        self._connections = [self._connect() for _ in range(CONNECTIONS)]

    def count(self, way: Way) -> Counts:
        """What one request of a path costs, by itself."""
        for data in self._batches(way, way.warm_up):
            self._batch(way, data)
        self._mark()
        for _ in range(way.batches):
            with self._paused():
                pass
        idle = self._mark()
        for data in self._batches(way, way.batches):
            self._batch(way, data)
        return (self._mark() - idle) / way.requests

    def close(self) -> None:
        """Let it drain, and wait for its end."""
        with contextlib.suppress(OSError):
            self._channel.send("stop", timeout=1.0)
        for each in (self._control, *self._connections, self._listener, self._gate):
            each.close()
        try:
            self._process.wait(_PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._channel.close()

    def _begin(self) -> None:
        """Count from now on: to start is many times as fast without."""
        words = callgrind.begin(self._process.pid)
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as begin:
            # Where it may not stop the worker, it is heard only while that does something.
            while begin.poll() is None:
                with self._paused():
                    pass
        if begin.returncode:
            raise CountingError(f"{' '.join(words)}: status {begin.returncode}")

    def _hear(self, wanted: str) -> None:
        while True:
            for message in self._channel.receive():
                if message.type == wanted:
                    return
                if message.type == "failed":
                    raise CountingError(message.fields["message"])

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._listener.getsockname(), timeout=_PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _batches(self, way: Way, count: int) -> Iterator[list[bytes]]:
        for _ in range(count):
            numbers = range(self._number, self._number + CONNECTIONS)
            self._number += CONNECTIONS
            yield [way.make(number) for number in numbers]

    def _batch(self, way: Way, requests: list[bytes]) -> None:
        with self._paused():
            connections = self._connections
            if way.closes:
                connections = [self._connect() for _ in requests]
            for connection, data in zip(connections, requests, strict=True):
                connection.sendall(data)
        for connection in connections:
            self._answers(connection, way)
            if way.closes:
                if connection.recv(1):
                    raise CountingError(f"{way.name}: the connection did not close")
                connection.close()

    def _answers(self, connection: socket.socket, way: Way) -> None:
        """Wait for all answers that a connection owes."""
        begin = b"HTTP/1.1 %d " % way.status
        data = connection.recv(_ANSWER)
        reader = AnswerReader()
        first = data
        if way.depth > 1:
            end = data.find(begin, 1)
            first = data[: end if end > 0 else len(data)]
        answer = reader.feed(first)
        while answer is None:
            more = connection.recv(_ANSWER)
            if not more:
                raise CountingError(f"{way.name}: no answer")
            data += more
            answer = reader.feed(more)
        wanted = way.depth * len(first) if way.depth > 1 else len(data)
        while len(data) < wanted:
            data += connection.recv(_ANSWER)
        if data.count(begin) != way.depth:
            raise CountingError(f"{way.name}: answered {data[:200]!r}")

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        """While the worker waits, so that it then finds all that was sent at once."""
        self._control.sendall(b"PAUSE / HTTP/1.1\r\nHost: %b\r\n\r\n" % HOST.encode())
        self._gate.recv(1)
        yield
        self._gate.sendall(b".")
        self._control.recv(_ANSWER)

    def _mark(self) -> Counts:
        """What was counted since the mark before."""
        self._control.sendall(b"MARK / HTTP/1.1\r\nHost: %b\r\n\r\n" % HOST.encode())
        self._control.recv(_ANSWER)
        self._marks += 1
        return callgrind.read(self._folder, self._marks)


@contextlib.contextmanager
def started(python: str, interface: str, mode: str = "process") -> Iterator[Worker]:
    """A worker, for so long."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(python, interface, Path(folder), mode)
        try:
            yield worker
        finally:
            worker.close()
