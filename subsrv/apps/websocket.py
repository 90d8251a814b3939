"""ASGI's websocket protocol (https://asgi.readthedocs.io, HTTP & WebSocket 2.5)."""

import logging
import time
from collections import deque
from enum import Enum
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from subsrv.apps.awaiting import AwaitingExchange, Message, wait
from subsrv.apps.scope import websocket_scope
from subsrv.exchange import HIGH_WATER, DisconnectedError, Exchange, Transport
from subsrv.http1 import Request, switching_protocols
from subsrv.refusal import Reason, refuse
from subsrv.websocket import handshake
from subsrv.websocket.protocol import Close, Ping, Protocol, WebSocketError

if TYPE_CHECKING:
    from subsrv.apps.asgi import ASGIApp

_log = logging.getLogger("subsrv")

_FORBIDDEN = Reason(403, "403 Forbidden: the application does not accept this WebSocket")
_STOPPING = Reason(503, "503 Service Unavailable: the server is stopping", [("retry-after", "1")])

# RFC 6455 section 7.4.1, and IANA's registry for 1012.
_NORMAL = 1000
_ABNORMAL = 1006
_INTERNAL_ERROR = 1011
_RESTART = 1012
# What an application may say: the registered codes, those of libraries and private ones.
_CODES = range(1000, 5000)


class _Phase(Enum):
    CONNECTING = "the application has not answered the handshake"
    DENYING = "it has begun a response of its own"
    OPEN = "messages go both ways"
    OVER = "closed, or denied"


def open_websocket(app: "ASGIApp", transport: Transport, request: Request) -> Exchange[Any]:
    """The exchange of a request for a WebSocket: one that refuses it if it is not right."""
    try:
        offer = handshake.read(request, compress=app.websockets.deflate)
    except handshake.HandshakeError as error:
        phrase = "Upgrade Required" if error.status == 426 else "Bad Request"
        reason = Reason(error.status, f"{error.status} {phrase}: {error.reason}", error.headers)
        return refuse(reason, transport, request)
    exchange = WebSocketExchange(app, transport, request)
    exchange.offer = offer
    exchange.protocol = Protocol(max_size=app.websockets.max_size, deflate=offer.deflate)
    return exchange


class WebSocketExchange(AwaitingExchange["ASGIApp"]):
    """One call of an ASGI application for a WebSocket.

    The connection takes what the client sends for a body without end.
    """

    offer: handshake.Offer
    protocol: Protocol
    _phase = _Phase.CONNECTING
    _connected = False  # the application knows of it
    _denial: tuple[int, Any] | None = None  # status and headers of its own response
    _messages: deque[Message]  # that wait for the application
    _waiting = 0  # their size together
    _held = False  # no more is read: enough of them wait
    _ending = _ABNORMAL, ""  # code and reason for the application, once it is OVER
    _pinged = 0.0
    _awaits_pong = False

    # What the connection calls.

    def begin(self) -> None:
        """See Exchange."""
        app, transport = self._app, self._transport
        assert transport is not None
        self._messages = deque()
        scope = app.scope(self.request, transport, app.lifespan.state)
        scope = websocket_scope(scope, self.offer.subprotocols)
        coroutine = app.call(scope, self.receive, self.send)
        if type(coroutine) is not CoroutineType:
            coroutine = wait(coroutine)
        app.tasks.start(coroutine, self._ended)

    def body_received(self, data: bytes) -> bool:
        """See Exchange. Whatever comes is a sign of life."""
        self._awaits_pong = False
        self.protocol.feed(data)
        if self._phase is _Phase.OPEN:
            self._read()
        elif self._phase is not _Phase.OVER:
            # Before its handshake is answered, a client has nothing to say.
            self._held = True
        return not self._held

    def body_ended(self) -> None:
        """Never called: there is no end but the connection's."""

    def disconnected(self) -> None:
        """See Exchange."""
        if self._phase is not _Phase.OVER:
            if self._transport is not None:
                self._transport.counters.disconnects += 1
            self._over(_ABNORMAL, "")
            self._leave(b"")

    def drain(self) -> None:
        """See Exchange. Only its client knows when a WebSocket is done, and can come again."""
        if self._phase is _Phase.CONNECTING:
            self._deny(_STOPPING)
            self._over(_RESTART, "")
        elif self._phase is _Phase.OPEN:
            self._close(_RESTART, "the server is stopping")

    def tick(self, now: float) -> float:
        """See Exchange: pings."""
        settings, transport = self._app.websockets, self._transport
        if self._phase is not _Phase.OPEN or transport is None:
            return 0.0
        if self._awaits_pong:
            # While nothing is read, for the application has enough, no pong can be seen.
            if now - self._pinged > settings.ping_timeout and not self._held:
                transport.counters.timed_out_ping += 1
                self._close(_INTERNAL_ERROR, "no sign of life after a ping")
            return 0.0
        due = self._pinged + settings.ping_interval
        if now >= due:
            self._pinged = now
            self._awaits_pong = True
            transport.send(self.protocol.ping())
            due = now + min(settings.ping_interval, settings.ping_timeout)
        return due

    # What the application calls.

    async def receive(self) -> Message:
        """ASGI's receive."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while not self._messages and self._phase is not _Phase.OVER:
            await self._sleep()
        if not self._messages:
            code, reason = self._ending
            return {"type": "websocket.disconnect", "code": code, "reason": reason}
        message = self._messages.popleft()
        self._waiting = self._waiting - _size(message) if self._messages else 0
        if self._held and self._phase is _Phase.OPEN:
            self._read_on()
        return message

    async def send(self, message: Message) -> None:
        """ASGI's send. OSError when the client is gone, RuntimeError for a message out of turn."""
        kind = message["type"]
        if self._phase is _Phase.OPEN and kind == "websocket.send":
            data = message.get("bytes")
            if data is None:
                data = message["text"]
            transport = self._transport
            assert transport is not None
            transport.send(self.protocol.send(data))
            transport.counters.messages_sent += 1
            while self.congested:
                await self._sleep()
        elif self._gone:
            raise DisconnectedError("the client is gone")
        elif self._phase is _Phase.OPEN and kind == "websocket.close":
            code = message.get("code", _NORMAL)
            if code not in _CODES:
                raise ValueError(f"{code!r} is no code to close a WebSocket with")
            self._close(code, message.get("reason") or "", by_app=True)
        elif self._phase is _Phase.CONNECTING and kind == "websocket.accept":
            self._accept(message)
        elif self._phase is _Phase.CONNECTING and kind == "websocket.close":
            self._deny(_FORBIDDEN)
            self._over(_ABNORMAL, "", by_app=True)
        elif self._phase is _Phase.CONNECTING and kind == "websocket.http.response.start":
            self._denial = message["status"], message.get("headers", ())
            self._phase = _Phase.DENYING
        elif self._phase is _Phase.DENYING and kind == "websocket.http.response.body":
            await self._respond(message)
        else:
            raise RuntimeError(f"unexpected message {kind!r}: {self._phase.value}")

    def fail(self, reason: str, error: BaseException | None = None) -> None:
        """See Exchange. An open WebSocket is closed with 1011."""
        if self._phase is _Phase.OPEN:
            path = self.request.raw_path.decode("latin-1")
            _log.error("%s in WebSocket %s", reason, path, exc_info=error)
            self._close(_INTERNAL_ERROR, "")
        else:
            self._over(_ABNORMAL, "")
            super().fail(reason, error)

    def _returned_early(self) -> None:
        if self._phase is _Phase.OPEN:
            self._close(_NORMAL, "", by_app=True)
        else:
            self.fail("the application returned before it had answered the handshake")

    # The handshake.

    def _accept(self, message: Message) -> None:
        transport = self._transport
        assert transport is not None
        fields = handshake.answer(self.offer, message.get("subprotocol"))
        head = switching_protocols(fields, message.get("headers", ()))
        self._phase = _Phase.OPEN
        self._pinged = time.monotonic()
        transport.counters.websockets += 1
        transport.send(head)
        if self._held:
            self._read_on()

    def _deny(self, reason: Reason) -> None:
        """Answer the handshake with another response than the application's own."""
        transport = self._transport
        assert transport is not None
        transport.counters.websockets_refused += 1
        status, text, headers = reason
        fields = [("content-type", "text/plain; charset=utf-8"), *headers]
        self.respond(status, fields, f"{text}\n".encode())

    async def _respond(self, message: Message) -> None:
        """A piece of the application's own response."""
        assert self._denial is not None
        assert self._transport is not None
        status, headers = self._denial
        counters = self._transport.counters
        body = message.get("body", b"")
        if type(body) is not bytes:
            body = b"".join((body,))  # TypeError for what is not like bytes
        if message.get("more_body", False):
            if self._head is None:
                self.start(status, headers)
            self.write(body)
            while self.congested:
                await self._sleep()
            return
        if self._head is None:
            self.respond(status, headers, body)
        else:
            self.finish(body)
        counters.websockets_refused += 1
        self._over(_ABNORMAL, "", by_app=True)

    # Messages.

    def _read(self) -> None:
        """Take from the protocol what there is, as long as there is room for it."""
        transport, protocol, messages = self._transport, self.protocol, self._messages
        assert transport is not None
        self._held = False
        replies: list[bytes] = []
        most = self._app.websockets.max_queue
        try:
            while (event := protocol.next()) is not None:
                if isinstance(event, Ping):
                    replies.append(protocol.pong(event.payload))
                elif isinstance(event, Close):
                    self._over(event.code, event.reason)
                    replies.append(protocol.close(event.code))
                    break
                else:
                    transport.counters.messages_received += 1
                    key = "text" if isinstance(event, str) else "bytes"
                    messages.append({"type": "websocket.receive", key: event})
                    self._waiting += len(event)
                    if len(messages) >= most or self._waiting >= HIGH_WATER:
                        self._held = True
                        break
        except WebSocketError as error:
            transport.counters.websocket_faults += 1
            self._over(error.code, error.reason)
            replies.append(protocol.close(error.code, error.reason))
        if self._phase is _Phase.OVER:
            self._leave(b"".join(replies))
        elif replies:
            transport.send(b"".join(replies))
        self._notify()

    def _read_on(self) -> None:
        """There is room again."""
        self._read()
        if not self._held and self._transport is not None:
            self._transport.resume()

    # The end.

    def _close(self, code: int, reason: str, *, by_app: bool = False) -> None:
        """Close it from this side."""
        data = self.protocol.close(code, reason)
        self._over(code, reason, by_app=by_app)
        self._leave(data)

    def _over(self, code: int, reason: str, *, by_app: bool = False) -> None:
        """Nothing more is received. What the application did not end itself, it may miss."""
        self._phase = _Phase.OVER
        self._ending = code, reason
        self._gone = not by_app
        self._notify()

    def _leave(self, data: bytes) -> None:
        """Send the last bytes. What the client still sends until it closes is thrown away."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.finish(data, False)


def _size(message: Message) -> int:
    return len(message.get("text") or message.get("bytes") or "")
