"""Where an application under test calls in, so that a test knows where it is and holds it there."""

import contextlib
import socket
from types import TracebackType
from typing import Self

from contract.serving import PATIENCE


class Caller:
    """An application that has called, and waits for an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.word = sock.makefile("rb").readline().decode().strip()

    def answer(self, word: str = "go") -> None:
        """Let it go on."""
        with self._sock:
            self._sock.sendall(word.encode() + b"\n")


class Probe:
    """A listening socket that the application's `calling.call` connects to; see apps/."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(PATIENCE)
        self.port: int = self._listener.getsockname()[1]
        self._held = contextlib.ExitStack()

    def wait(self, word: str) -> Caller:
        """Wait for the next caller, which must say this."""
        caller = self.wait_for_any()
        assert caller.word == word, caller.word
        return caller

    def wait_for_any(self) -> Caller:
        """Wait for the next caller, whatever it says."""
        sock, _ = self._listener.accept()
        self._held.enter_context(sock)
        sock.settimeout(PATIENCE)
        return Caller(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._held.close()
        self._listener.close()
