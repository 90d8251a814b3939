"""The cases: a metric, a peer, and a function that gives seconds for each operation.

    python -m experiments.isolates.cases METRIC PEER COUNT

runs one of them in this process, and prints its values as JSON.
"""

import concurrent.futures
import json
import multiprocessing
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from experiments.isolates import there
from subsrv import isolate
from subsrv.backends.interp import interpreters

type Case = Callable[[int], float]

#: Runs of each case in one process; the first is a warm-up.
VALUES = 3

#: Bytes of the large transfers.
LARGE = 10_000_000


@contextmanager
def timed(result: list[float], count: int) -> Iterator[None]:
    """Seconds for each of `count` operations."""
    start = time.perf_counter()
    yield
    result.append((time.perf_counter() - start) / count)


def received(result: list[float], count: int, get: Callable[[], object]) -> None:
    """Time the receiver of a stream, from its first message on."""
    get()
    with timed(result, count - 1):
        for _ in range(count - 1):
            get()


# subsrv.isolate.


def port_stream(entry: Callable[..., object], kind: str) -> Case:
    """One way."""

    def case(count: int) -> float:
        result: list[float] = []
        with (
            isolate.ReceivePort() as port,
            isolate.spawn(entry, port.send_port, count, kind=kind) as child,
        ):
            received(result, count, port.receive_sync)
            child.join_sync()
        return result[0]

    return case


def port_trip(kind: str, message: Callable[[], Any] = lambda: 1) -> Case:
    """There and back."""

    def case(count: int) -> float:
        result: list[float] = []
        with (
            isolate.ReceivePort() as port,
            isolate.spawn(there.echo, port.send_port, kind=kind),
            port.receive_sync() as out,
        ):
            sent = message()
            with timed(result, count):
                for _ in range(count):
                    out.send_sync(sent)
                    sent = port.receive_sync()
        return result[0]

    return case


def port_call(kind: str) -> Case:
    """An empty function in a warm pool."""

    def case(count: int) -> float:
        result: list[float] = []
        with isolate.Pool(1, kind=kind) as pool:
            pool.run_sync(there.nothing)
            with timed(result, count):
                for _ in range(count):
                    pool.run_sync(there.nothing)
        return result[0]

    return case


# Peers.


@contextmanager
def interpreter(name: str, *args: Any) -> Iterator[None]:
    """A function of `there` in an interpreter of its own, in a thread."""
    made = interpreters().create()
    code = f"from experiments.isolates import there; there.{name}(*args)"
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    made.prepare_main(**{f"a{i}": arg for i, arg in enumerate(args)})
    bound = f"args = ({''.join(f'a{i}, ' for i in range(len(args)))})\n"
    thread = threading.Thread(target=made.exec, args=(path + bound + code,))
    thread.start()
    try:
        yield
    finally:
        thread.join()
        made.close()


def interp_queue_stream(count: int) -> float:
    """concurrent.interpreters.Queue."""
    result: list[float] = []
    line = interpreters().create_queue()
    with interpreter("fill", line, count):
        received(result, count, line.get)
    return result[0]


def interp_queue_trip(count: int) -> float:
    """concurrent.interpreters.Queue."""
    result: list[float] = []
    out, back = interpreters().create_queue(), interpreters().create_queue()
    with interpreter("reflect", out, back):
        out.put(1)
        back.get()
        with timed(result, count):
            for _ in range(count):
                out.put(1)
                back.get()
        out.put(None)
    return result[0]


def socket_trip(count: int) -> float:
    """A bare socketpair between two interpreters: what two wake-ups cost."""
    result: list[float] = []
    ours, theirs = socket.socketpair()
    with interpreter("socket_reflect", theirs.detach()), ours:
        ours.send(b"x")
        ours.recv(1)
        with timed(result, count):
            for _ in range(count):
                ours.send(b"x")
                ours.recv(1)
    return result[0]


def simple_queue_stream(count: int) -> float:
    """queue.SimpleQueue between threads."""
    result: list[float] = []
    line: queue.SimpleQueue[int] = queue.SimpleQueue()
    thread = threading.Thread(target=there.fill, args=(line, count))
    thread.start()
    received(result, count, line.get)
    thread.join()
    return result[0]


def simple_queue_trip(count: int) -> float:
    """queue.SimpleQueue between threads."""
    result: list[float] = []
    out: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    back: queue.SimpleQueue[int] = queue.SimpleQueue()
    thread = threading.Thread(target=there.reflect, args=(out, back))
    thread.start()
    with timed(result, count):
        for _ in range(count):
            out.put(1)
            back.get()
    out.put(None)
    thread.join()
    return result[0]


_spawn = multiprocessing.get_context("spawn")


def mp_queue_stream(count: int) -> float:
    """multiprocessing.Queue."""
    result: list[float] = []
    line = _spawn.Queue()
    child = _spawn.Process(target=there.fill, args=(line, count))
    child.start()
    received(result, count, line.get)
    child.join()
    return result[0]


def mp_queue_trip(count: int) -> float:
    """multiprocessing.Queue."""
    result: list[float] = []
    out, back = _spawn.Queue(), _spawn.Queue()
    child = _spawn.Process(target=there.reflect, args=(out, back))
    child.start()
    out.put(1)
    back.get()
    with timed(result, count):
        for _ in range(count):
            out.put(1)
            back.get()
    out.put(None)
    child.join()
    return result[0]


def pipe_stream(count: int) -> float:
    """multiprocessing.Pipe."""
    result: list[float] = []
    ours, theirs = _spawn.Pipe()
    child = _spawn.Process(target=there.pipe_fill, args=(theirs, count))
    child.start()
    received(result, count, ours.recv)
    child.join()
    return result[0]


def pipe_trip(message: Callable[[], Any] = lambda: 1) -> Case:
    """multiprocessing.Pipe."""

    def case(count: int) -> float:
        result: list[float] = []
        ours, theirs = _spawn.Pipe()
        child = _spawn.Process(target=there.pipe_reflect, args=(theirs,))
        child.start()
        sent = message()
        ours.send(sent)
        ours.recv()
        with timed(result, count):
            for _ in range(count):
                ours.send(sent)
                ours.recv()
        ours.send(None)
        child.join()
        return result[0]

    return case


def executor_call(make: Callable[[], concurrent.futures.Executor]) -> Case:
    """An empty function in a warm executor of concurrent.futures."""

    def case(count: int) -> float:
        result: list[float] = []
        with make() as executor:
            executor.submit(there.nothing).result()
            with timed(result, count):
                for _ in range(count):
                    executor.submit(there.nothing).result()
        return result[0]

    return case


def _process_pool() -> concurrent.futures.Executor:
    return concurrent.futures.ProcessPoolExecutor(1, mp_context=_spawn)


def _interpreter_pool() -> concurrent.futures.Executor:
    name = "InterpreterPoolExecutor"  # 3.14 and later
    executor: concurrent.futures.Executor = getattr(concurrent.futures, name)(1)
    return executor


def _block(size: int) -> Callable[[], Any]:
    return lambda: isolate.Transferable.allocate(size)


#: By metric and peer. A peer's name begins with what isolates it.
CASES: dict[str, dict[str, Case]] = {
    "stream": {
        "interp: send in a loop": port_stream(there.stream, "interp"),
        "interp: send_sync": port_stream(there.stream_sync, "interp"),
        "interp: send_many, 100 each": port_stream(there.stream_lists, "interp"),
        "interp: concurrent.interpreters.Queue": interp_queue_stream,
        "thread: send in a loop": port_stream(there.stream, "thread"),
        "thread: queue.SimpleQueue": simple_queue_stream,
        "process: send in a loop": port_stream(there.stream, "process"),
        "process: multiprocessing.Pipe": pipe_stream,
        "process: multiprocessing.Queue": mp_queue_stream,
    },
    "round trip": {
        "interp: ports": port_trip("interp"),
        "interp: a bare socketpair": socket_trip,
        "interp: concurrent.interpreters.Queue": interp_queue_trip,
        "thread: ports": port_trip("thread"),
        "thread: queue.SimpleQueue": simple_queue_trip,
        "process: ports": port_trip("process"),
        "process: multiprocessing.Pipe": pipe_trip(),
        "process: multiprocessing.Queue": mp_queue_trip,
    },
    "round trip of 10 MB": {
        "interp: Transferable, 10 bytes": port_trip("interp", _block(10)),
        "interp: Transferable, 10 MB": port_trip("interp", _block(LARGE)),
        "interp: bytes, 10 MB": port_trip("interp", lambda: bytes(LARGE)),
        "process: Transferable, 10 bytes": port_trip("process", _block(10)),
        "process: Transferable, 10 MB": port_trip("process", _block(LARGE)),
        "process: bytes, 10 MB": port_trip("process", lambda: bytes(LARGE)),
        "process: multiprocessing.Pipe, 10 MB": pipe_trip(lambda: bytes(LARGE)),
    },
    "call": {
        "interp: Pool.run_sync": port_call("interp"),
        "interp: InterpreterPoolExecutor": executor_call(_interpreter_pool),
        "thread: Pool.run_sync": port_call("thread"),
        "thread: ThreadPoolExecutor": executor_call(
            lambda: concurrent.futures.ThreadPoolExecutor(1)
        ),
        "process: Pool.run_sync": port_call("process"),
        "process: ProcessPoolExecutor": executor_call(_process_pool),
    },
}


def main() -> None:
    """One case."""
    metric, peer, count = sys.argv[1:]
    case = CASES[metric][peer]
    values = [case(int(count)) for _ in range(VALUES + 1)]
    print(json.dumps(values))


if __name__ == "__main__":
    main()
