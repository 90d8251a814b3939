"""A WebSocket between its connection and its application, on a transport that is none."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from subsrv.apps.asgi import ASGIApp, WebSocketSettings
from subsrv.apps.tasks import Tasks
from subsrv.exchange import DisconnectedError
from subsrv.http1 import Encoder, HeadParser, Limits
from subsrv.shared import Counters
from websocket.frames import BINARY, PING, PONG, closing, deflated, frame, text

HEAD = (
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
SETTINGS = WebSocketSettings(
    max_size=1 << 20, max_queue=4, ping_interval=20.0, ping_timeout=10.0, deflate=True
)

type Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
type Receive = Callable[[], Coroutine[Any, Any, dict[str, Any]]]


class Wire:
    """The transport, which keeps what it is given."""

    def __init__(self) -> None:
        self.encoder = Encoder(server=None, date=False)
        self.closing = True
        self.pending = 0
        self.client = self.server = None
        self.counters = Counters()
        self.sent: list[bytes] = []
        self.finished: bytes | None = None
        self.resumed = 0

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def finish(self, data: bytes, keep_alive: bool) -> None:
        assert self.finished is None
        assert not keep_alive
        self.finished = data

    def resume(self) -> None:
        self.resumed += 1


class World:
    """An exchange, its wire, and what its application was given."""

    def __init__(self, settings: WebSocketSettings) -> None:
        self.wire = Wire()
        self.send: Send
        self.receive: Receive
        self.leave = asyncio.Event()
        call: Any = self._call
        self.app = ASGIApp(call, Tasks(asyncio.get_running_loop()), settings)
        wire: Any = self.wire
        request = HeadParser(Limits()).parse(HEAD, len(HEAD) - 4)
        self.exchange = self.app.websocket(wire, request)
        self.exchange.begin()

    async def _call(self, _scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.receive, self.send = receive, send
        await self.leave.wait()

    async def accept(self) -> None:
        assert (await self.receive())["type"] == "websocket.connect"
        await self.send({"type": "websocket.accept"})
        assert self.wire.sent.pop().startswith(b"HTTP/1.1 101 ")

    def code(self) -> int:
        """What it was closed with."""
        assert self.wire.finished is not None
        assert self.wire.finished[0] == 0x88
        return int.from_bytes(self.wire.finished[2:4])

    async def get(self, count: int = 1) -> list[Any]:
        """What the application receives: messages, or the code of the end."""
        found = [await asyncio.wait_for(self.receive(), 5) for _ in range(count)]
        return [each.get("text", each.get("bytes", each.get("code"))) for each in found]


def play(body: Callable[[World], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Run a test's body in a loop and a world of its own."""

    async def run() -> None:
        world = World(SETTINGS._replace(**settings))
        try:
            await body(world)
        finally:
            world.leave.set()
            await asyncio.sleep(0)

    asyncio.run(run())


# Reading ahead.


def test_no_more_messages_are_read_ahead_than_may_wait() -> None:
    async def body(world: World) -> None:
        await world.accept()
        assert world.exchange.body_received(text("1") + text("2") + text("3"))
        assert not world.exchange.body_received(text("4") + text("5") + text("6"))
        assert world.wire.counters.messages_received == 4
        assert await world.get(2) == ["1", "2"]
        assert world.wire.counters.messages_received == 6
        assert world.wire.resumed == 0  # four wait again
        assert await world.get() == ["3"]
        assert world.wire.resumed == 1
        assert await world.get(3) == ["4", "5", "6"]
        assert world.wire.resumed == 1

    play(body)


def test_nor_more_bytes() -> None:
    async def body(world: World) -> None:
        await world.accept()
        assert not world.exchange.body_received(frame(BINARY, b"x" * 65536) + text("next"))
        assert world.wire.counters.messages_received == 1
        assert await world.get(2) == [b"x" * 65536, "next"]
        assert world.wire.resumed == 1

    play(body)


def test_what_waits_is_not_inflated_yet() -> None:
    async def body(world: World) -> None:
        await world.accept()
        bomb = frame(BINARY, deflated(b"\0" * (1 << 20)), rsv=4)
        assert not world.exchange.body_received(bomb * 3)
        assert world.wire.counters.messages_received == 1
        assert [len(message) for message in await world.get(3)] == [1 << 20] * 3

    play(body)


def test_frames_before_the_answer_to_the_handshake_wait_for_it() -> None:
    async def body(world: World) -> None:
        assert not world.exchange.body_received(text("early"))
        await world.accept()
        assert world.wire.resumed == 1
        assert await world.get() == ["early"]

    play(body)


def test_pongs_to_many_pings_leave_together() -> None:
    async def body(world: World) -> None:
        await world.accept()
        world.exchange.body_received(frame(PING, b"a") * 1000)
        assert world.wire.sent == [b"\x8a\x01a" * 1000]

    play(body)


# Writing.


def test_send_waits_while_too_much_is_pending() -> None:
    async def body(world: World) -> None:
        await world.accept()
        world.wire.pending = 1 << 20
        task = asyncio.create_task(world.send({"type": "websocket.send", "text": "x"}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
        world.wire.pending = 0
        world.exchange.drained()
        await asyncio.wait_for(task, 5)

    play(body, deflate=False)


def test_a_client_that_goes_frees_who_waits() -> None:
    async def body(world: World) -> None:
        await world.accept()
        world.wire.pending = 1 << 20
        task = asyncio.create_task(world.send({"type": "websocket.send", "text": "x"}))
        await asyncio.sleep(0)
        world.exchange.detach()
        world.exchange.disconnected()
        await asyncio.wait_for(task, 5)
        assert await world.get(2) == [1006, 1006]
        with pytest.raises(DisconnectedError):
            await world.send({"type": "websocket.send", "text": "y"})

    play(body)


# Pings.


def test_pings_and_signs_of_life() -> None:
    async def body(world: World) -> None:
        exchange, now = world.exchange, time.monotonic()
        assert exchange.tick(now + 1000) == 0.0  # before the handshake there are none
        await world.accept()
        assert world.exchange.tick(now + 1) == pytest.approx(now + 20, abs=1)
        assert world.wire.sent == []
        for life in (frame(PONG), text("anything"), frame(PING)):
            now += 30
            assert exchange.tick(now) == now + 10
            assert world.wire.sent.pop() == b"\x89\x00"
            exchange.body_received(life)
            assert exchange.tick(now + 15) == now + 20
        assert world.wire.finished is None
        now += 30
        exchange.tick(now)
        exchange.tick(now + 9)
        assert world.wire.finished is None
        exchange.tick(now + 11)
        assert world.code() == 1011
        assert world.wire.counters.timed_out_ping == 1
        assert await world.get(2) == ["anything", 1011]
        with pytest.raises(DisconnectedError):
            await world.send({"type": "websocket.send", "text": "y"})

    play(body)


def test_while_nothing_is_read_no_ping_times_out() -> None:
    async def body(world: World) -> None:
        await world.accept()
        now = time.monotonic() + 30
        world.exchange.tick(now)
        assert world.wire.sent == [b"\x89\x00"]
        world.exchange.body_received(text("a") * 4)
        now += 30
        world.exchange.tick(now)  # pings again, which nobody can answer
        for later in (20, 200, 2000):
            world.exchange.tick(now + later)
        assert world.wire.finished is None

    play(body)


def test_no_pings_where_there_are_to_be_none() -> None:
    async def body(world: World) -> None:
        await world.accept()
        assert world.exchange.tick(time.monotonic() + 1e6) == math.inf
        assert world.wire.sent == []

    play(body, ping_interval=math.inf)


# The end.


def test_a_drain_closes_an_open_one() -> None:
    async def body(world: World) -> None:
        await world.accept()
        world.exchange.body_received(text("last"))
        world.exchange.drain()
        assert world.code() == 1012
        assert await world.get(2) == ["last", 1012]
        with pytest.raises(DisconnectedError):
            await world.send({"type": "websocket.send", "text": "y"})

    play(body)


def test_a_drain_refuses_one_that_is_not_open_yet() -> None:
    async def body(world: World) -> None:
        world.exchange.drain()
        assert world.wire.finished is not None
        assert world.wire.finished.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in world.wire.finished
        with pytest.raises(DisconnectedError):
            await world.accept()
        assert await world.get() == [1012]
        assert world.wire.counters.websockets_refused == 1

    play(body)


def test_a_drain_lets_a_response_of_the_applications_end() -> None:
    async def body(world: World) -> None:
        kind = "websocket.http.response"
        await world.send({"type": f"{kind}.start", "status": 404})
        await world.send({"type": f"{kind}.body", "body": b"no", "more_body": True})
        world.exchange.drain()
        assert world.wire.finished is None
        await world.send({"type": f"{kind}.body", "body": b"pe"})
        assert world.wire.finished == b"2\r\npe\r\n0\r\n\r\n"

    play(body)


def test_what_comes_after_a_fault_is_not_read() -> None:
    async def body(world: World) -> None:
        await world.accept()
        world.exchange.body_received(text("good") + frame(3) + text("late"))
        assert world.wire.counters.websocket_faults == 1
        assert await world.get(3) == ["good", 1002, 1002]

    play(body)


def test_a_close_comes_behind_the_messages_before_it() -> None:
    async def body(world: World) -> None:
        await world.accept()
        world.exchange.body_received(text("a") + text("b") + closing(3456, b"why"))
        assert world.wire.finished == b"\x88\x02" + (3456).to_bytes(2)
        assert await world.get(2) == ["a", "b"]
        assert await world.receive() == {
            "type": "websocket.disconnect",
            "code": 3456,
            "reason": "why",
        }

    play(body)


def test_an_application_that_returns_has_closed() -> None:
    async def body(world: World) -> None:
        await world.accept()
        world.leave.set()
        await world.app.tasks.drain(asyncio.get_running_loop().time() + 5)
        assert world.wire.finished == b"\x88\x02" + (1000).to_bytes(2)

    play(body)


# Compression.


@pytest.mark.parametrize("compress", [True, False])
def test_compression_can_be_turned_off(compress: bool) -> None:
    async def body(world: World) -> None:
        await world.receive()
        await world.send({"type": "websocket.accept"})
        assert (b"permessage-deflate" in world.wire.sent[0]) is compress
        await world.send({"type": "websocket.send", "text": "Hello"})
        assert world.wire.sent[1][0] == (0xC1 if compress else 0x81)

    play(body, deflate=compress)
