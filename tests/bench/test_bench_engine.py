"""The load client against a server with known delays and faults.

Nothing here asserts how fast anything is. What a server's own clock says it has held back must be
found in the client's latencies; other delays, of a busy machine, may only add to them.
"""

import socket
import threading
import time
from dataclasses import dataclass, field

import pytest
from scripted import Behaviour, ScriptedServer, answer, hello

from subsrv.bench.engine import Engine
from subsrv.bench.load import Check, Load, LoadError, Result
from subsrv.bench.requests import Request


def put(server: ScriptedServer, load: Load) -> Result:
    return Engine(load, server.address).run()


def slow(result: Result, seconds: float) -> int:
    """How many latencies are at least as long."""
    return sum(value >= seconds * 1e9 for value in result.latencies)


@dataclass
class Stall:
    """Answers at once, but for one stall: from request `first` on, all are held for `seconds`."""

    first: int
    seconds: float
    begin: float = 0.0
    end: float = 0.0
    held: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, number: int, _target: str) -> bytes:
        if number == self.first:
            self.begin = time.monotonic()
            time.sleep(self.seconds)
            self.end = time.monotonic()
            self._over.set()
        elif number > self.first:
            with self._lock:
                self.held += not self._over.is_set()
            self._over.wait()
        return answer()


_STALL = 0.4  # seconds
_CONNECTIONS = 4


def test_an_open_loop_shows_a_stall_to_all_requests_that_were_due_in_it() -> None:
    stall = Stall(first=20, seconds=_STALL)
    rate, duration = 500.0, 0.7
    with ScriptedServer(stall) as server:
        before = time.monotonic()
        load = Load(connections=_CONNECTIONS, rate=rate, duration=duration)
        result = put(server, load)
    assert not result.faults
    assert result.sent == result.answered == len(result.latencies) == rate * duration
    # Those before the stall were begun, and none was answered in it: each that was due then waited
    # for the rest of it. The run began after `before`, so requests were due until this at least:
    last = min(stall.end, before + duration)
    for seconds in (0.02, 0.1, 0.2, 0.3):
        due = int((min(last, stall.end - seconds) - stall.begin) * rate) - 1
        assert slow(result, seconds) >= due
    # Of which the connections could bring only these to the server.
    assert stall.held < _CONNECTIONS


def test_a_closed_loop_hides_the_same_stall() -> None:
    results = {}
    for rate in (500.0, None):
        stall = Stall(first=20, seconds=_STALL)
        with ScriptedServer(stall) as server:
            load = Load(connections=_CONNECTIONS, rate=rate, duration=0.7)
            results[rate] = put(server, load)
        assert not results[rate].faults
        assert stall.held < _CONNECTIONS
    opened, closed = results[500.0], results[None]
    # One slow request for each connection, whatever its length.
    assert slow(closed, _STALL / 2) >= _CONNECTIONS - 1
    assert slow(opened, _STALL / 2) > 4 * slow(closed, _STALL / 2)


@pytest.mark.parametrize("rate", [None, 400.0])
def test_each_tenth_request_is_slow(rate: float | None) -> None:
    delay = 0.02

    def tenth(number: int, _target: str) -> bytes:
        if number % 10 == 9:
            time.sleep(delay)
        return answer()

    with ScriptedServer(tenth) as server:
        load = Load(connections=4, rate=rate, duration=10.0, count=200)
        result = put(server, load)
    assert not result.faults
    assert result.answered == len(server.requests) == 200
    assert slow(result, delay) >= 20


def test_requests_of_the_open_loop_are_due_at_the_rate() -> None:
    with ScriptedServer() as server:
        before = time.monotonic()
        result = put(server, Load(connections=2, rate=100.0, duration=10.0, count=30))
        taken = time.monotonic() - before
    assert result.answered == 30
    # The last one is due after 29 intervals, and not before.
    assert taken >= 0.29
    assert result.seconds >= 0.3
    assert len(result.lag) == 30


def test_requests_are_sent_in_turn() -> None:
    listed = (
        Request(path="/a", length=1),
        Request(method="POST", path="/b", body=b"body", answer=b"bb"),
        Request(path="/c", status=404),
    )

    def by_target(_number: int, target: str) -> bytes:
        return {"/a": answer(b"a"), "/b": answer(b"bb"), "/c": answer(b"", "404 No")}[target]

    with ScriptedServer(by_target) as server:
        result = put(server, Load(requests=listed, connections=1, count=9))
    assert not result.faults
    assert result.answered == 9
    assert server.requests == [("/a", b""), ("/b", b"body"), ("/c", b"")] * 3


def test_a_large_body_is_sent_whole() -> None:
    body = bytes(range(256)) * 16384
    with ScriptedServer() as server:
        listed = (Request(method="PUT", body=body),)
        result = put(server, Load(requests=listed, connections=2, count=4))
    assert not result.faults
    assert server.requests == [("/", body)] * 4


def test_a_connection_that_is_closed_after_an_answer_is_no_fault() -> None:
    def closing(number: int, _target: str) -> bytes:
        return answer(fields="Connection: close\r\n" if number % 5 == 4 else "")

    for rate in (None, 1000.0):
        with ScriptedServer(closing) as server:
            load = Load(connections=2, rate=rate, duration=10.0, count=50)
            result = put(server, load)
        assert not result.faults
        assert result.answered == 50
        assert server.connections >= 10


def once(number: int, data: bytes) -> Behaviour:
    """One request is answered with `data`, and the others as they should be."""
    return lambda at, target: data if at == number else hello(at, target)


@pytest.mark.parametrize("rate", [None, 1000.0])
@pytest.mark.parametrize(
    ("data", "check", "kind", "why"),
    [
        (answer(status="500 Oh"), Check.STATUS, "status", "status 500"),
        (answer(status="302 Found"), Check.LENGTH, "status", "status 302"),
        (answer(b"other"), Check.LENGTH, "content", "5 bytes instead of 13"),
        (answer(b"Hello, earth!"), Check.BODY, "content", "another body: b'Hello, earth!'"),
        (b"HTTP/1.1 what\r\n\r\n", Check.STATUS, "malformed", "a status line"),
        (answer() + b"!", Check.STATUS, "malformed", "1 bytes more"),
        (b"", Check.STATUS, "reset", "closed instead of an answer"),
        (answer(fields="Connection: close\r\n")[:-1], Check.STATUS, "reset", "closed in an answer"),
    ],
)
def test_each_kind_of_fault_is_counted(
    rate: float | None, data: bytes, check: Check, kind: str, why: str
) -> None:
    with ScriptedServer(once(7, data)) as server:
        load = Load(connections=2, rate=rate, duration=10.0, count=20, check=check)
        result = put(server, load)
    assert result.faults == {kind: 1}
    assert result.examples[0].startswith(why)
    assert (result.sent, result.answered, len(result.latencies)) == (20, 19, 19)


@pytest.mark.parametrize(
    ("data", "check"), [(answer(b"other"), Check.STATUS), (answer(b"Hello, earth!"), Check.LENGTH)]
)
def test_what_is_not_checked_may_differ(data: bytes, check: Check) -> None:
    with ScriptedServer(once(7, data)) as server:
        result = put(server, Load(connections=2, count=20, check=check))
    assert not result.faults


@pytest.mark.parametrize("rate", [None, 200.0])
def test_a_request_without_an_answer_times_out_and_keeps_its_waiting_time(
    rate: float | None,
) -> None:
    done = threading.Event()

    def one_hangs(number: int, _target: str) -> bytes:
        if number == 5:
            done.wait()
        return answer()

    with ScriptedServer(one_hangs) as server:
        load = Load(connections=2, rate=rate, duration=10.0, count=20, timeout=0.5)
        result = put(server, load)
        done.set()
    # A busy machine may have made more of them time out.
    assert set(result.faults) == {"timeout"}
    assert result.faults["timeout"] + result.answered == result.sent == len(result.latencies) == 20
    assert slow(result, 0.5) >= 1


def test_what_waits_too_long_for_a_connection_times_out() -> None:
    done = threading.Event()

    def all_hang(_number: int, _target: str) -> bytes:
        done.wait()
        return answer()

    with ScriptedServer(all_hang) as server:
        result = put(server, Load(connections=2, rate=100.0, duration=0.5, timeout=0.2))
        done.set()
    assert result.faults == {"timeout": 50}
    assert slow(result, 0.2) == len(result.latencies) == 50
    assert result.examples[-1] == "no connection free in 0.2 s"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with pytest.raises(LoadError, match=f"cannot connect to 127.0.0.1:{address[1]}: .* refused"):
        Engine(Load(connections=3), address).run()


def test_connections_that_fail_are_tried_again() -> None:
    # The server closes each connection that it gets before a certain moment.
    refused = 0

    with ScriptedServer() as server:
        accept = server._serve

        def fickle(connection: socket.socket) -> None:
            nonlocal refused
            if refused < 6:
                refused += 1
                with server._lock:
                    server._open.discard(connection)
                connection.close()
            else:
                accept(connection)

        server._serve = fickle  # type: ignore[method-assign]
        result = put(server, Load(connections=4, rate=100.0, duration=0.5))
    assert refused == 6
    assert result.answered + result.faults.total() == 50
    # What was lost with a connection is a fault, and nothing else is.
    assert set(result.faults) <= {"reset"}
    assert result.faults.total() <= 6


def test_an_interrupt_gives_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupting(number: int, _target: str) -> bytes:
        if number == 10:
            monkeypatch.setattr(engine, "_look", interrupt)
        return answer()

    def interrupt(_now: int) -> None:
        raise KeyboardInterrupt

    with ScriptedServer(interrupting) as server:
        engine = Engine(Load(connections=1, duration=60.0), server.address)
        result = engine.run()
    assert result.interrupted
    assert result.answered >= 10
    assert len(result.latencies) == result.answered
