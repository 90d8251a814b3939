"""What answers a request for a WebSocket that will not be one."""

from typing import NamedTuple

from subsrv.exchange import Exchange, Transport
from subsrv.http1 import Headers, Request

_TEXT = ("content-type", "text/plain; charset=utf-8")


class Reason(NamedTuple):
    """Why, as a response."""

    status: int
    text: str
    headers: Headers = ()


class Refusal(Exchange[Reason]):
    """Answers at once, without the application; the connection closes after it."""

    def begin(self) -> None:
        """See Exchange."""
        assert self._transport is not None
        self._transport.counters.websockets_refused += 1
        status, text, headers = self._app
        self.respond(status, [_TEXT, *headers], f"{text}\n".encode())


def refuse(reason: Reason, transport: Transport, request: Request) -> Refusal:
    """What answers a request with this."""
    return Refusal(reason, transport, request)


def no_websockets(transport: Transport, request: Request) -> Exchange[Reason]:
    """What WSGI and native applications have instead of WebSockets."""
    reason = Reason(501, "501 Not Implemented: WebSockets need an ASGI application")
    return refuse(reason, transport, request)
