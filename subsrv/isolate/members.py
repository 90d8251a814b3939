"""The isolates that a pool is made of."""

import time
from typing import Any

from subsrv.isolate.calls import serve_calls
from subsrv.isolate.errors import IsolateDiedError, PortClosedError
from subsrv.isolate.receiving import ReceivePort
from subsrv.isolate.sending import SendPort
from subsrv.isolate.spawning import spawn

#: Seconds to wait for the reason of a death that is certain already.
POST_MORTEM = 1.0


class Member:
    """One isolate of a pool. One call at a time has it."""

    def __init__(self, kind: str, idle_timeout: float | None, nice: int) -> None:
        self.answers = ReceivePort()
        port = self.answers.send_port
        self.isolate = spawn(serve_calls, port, idle_timeout, nice, kind=kind)
        self.answers.send_port.close()
        self.calls: SendPort | None = None
        self.used = time.monotonic()

    def send(self, call: Any) -> bool:
        """Send a call; False if the isolate has ended before it: another may take it."""
        assert self.calls is not None
        try:
            self.calls.send_sync(call)
        except PortClosedError:
            self.answers.close()
            return False
        return True

    def died(self) -> IsolateDiedError:
        """Why no answer came."""
        how = self.isolate.join_sync(timeout=0) if self.isolate.ended else None
        if how is not None and isinstance(how.error, IsolateDiedError):
            return how.error
        return IsolateDiedError(f"isolate {self.isolate.name} ended before it answered")

    def dismiss(self) -> None:
        """Let it end when it has done what it does."""
        if self.calls is not None:
            self.calls.close()
        else:
            self.isolate.kill()
        self.answers.close()

    def kill(self) -> None:
        """End it now, as far as CPython can."""
        self.isolate.kill("raise")
        self.isolate.kill("signal")
        self.dismiss()
