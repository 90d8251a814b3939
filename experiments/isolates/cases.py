"""The cases: a metric, a peer, and a function that gives seconds for each operation.

    python -m experiments.isolates.cases METRIC PEER COUNT

runs one of them in this process, and prints its values as JSON.
"""

import concurrent.futures
import json
import multiprocessing
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from experiments.isolates import dart, offload, there
from experiments.peers.peer import MissingPeerError
from subsrv import isolate
from subsrv.backends.interp import interpreters

type Case = Callable[[int], float]

#: Runs of each case in one process; the first is a warm-up.
VALUES = 3

#: The exit status for a peer that cannot be had.
MISSING = 3

#: Bytes of the large transfers.
LARGE = 10_000_000


@contextmanager
def timed(result: list[float], count: int) -> Iterator[None]:
    """Seconds for each of `count` operations."""
    start = time.perf_counter()
    yield
    result.append((time.perf_counter() - start) / count)


def received(count: int, get: Callable[[], Any]) -> float:
    """Receive a stream: seconds for each message, from the sender's first to the last here."""
    began: float = get()
    for _ in range(count):
        get()
    return (time.perf_counter() - began) / count


# subsrv.isolate.


def port_stream(kind: str, what: str, entry: Callable[..., object] = there.stream) -> Case:
    """One way."""

    def case(count: int) -> float:
        with (
            isolate.ReceivePort() as port,
            isolate.spawn(entry, port.send_port, what, count, kind=kind) as child,
        ):
            seconds = received(count, port.receive_sync)
            child.join_sync()
        return seconds

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


def interp_queue_stream(what: str) -> Case:
    """concurrent.interpreters.Queue."""

    def case(count: int) -> float:
        line = interpreters().create_queue()
        with interpreter("fill", line, what, count):
            return received(count, line.get)

    return case


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
    """A bare socketpair between two interpreters, both ways through the one."""
    ours, theirs = socket.socketpair()
    with interpreter("socket_reflect", theirs.fileno(), os.dup(theirs.detach())), ours:
        return _bounced(ours, ours, count)


def sockets_trip(count: int) -> float:
    """A bare socketpair for each direction: the wake-ups that ports have."""
    ours_out, theirs_in = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs_out, ours_in = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with interpreter("socket_reflect", theirs_in.detach(), theirs_out.detach()), ours_out, ours_in:
        return _bounced(ours_out, ours_in, count)


def _bounced(out: socket.socket, back: socket.socket, count: int) -> float:
    result: list[float] = []
    out.send(b"x")
    back.recv(1)
    with timed(result, count):
        for _ in range(count):
            out.send(b"x")
            back.recv(1)
    return result[0]


def simple_queue_stream(what: str) -> Case:
    """queue.SimpleQueue between threads, which share what they send."""

    def case(count: int) -> float:
        line: queue.SimpleQueue[Any] = queue.SimpleQueue()
        thread = threading.Thread(target=there.fill, args=(line, what, count))
        thread.start()
        seconds = received(count, line.get)
        thread.join()
        return seconds

    return case


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


def mp_queue_stream(what: str) -> Case:
    """multiprocessing.Queue."""

    def case(count: int) -> float:
        line = _spawn.Queue()
        child = _spawn.Process(target=there.fill, args=(line, what, count))
        child.start()
        seconds = received(count, line.get)
        child.join()
        return seconds

    return case


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


def pipe_stream(what: str) -> Case:
    """multiprocessing.Pipe."""

    def case(count: int) -> float:
        ours, theirs = _spawn.Pipe()
        child = _spawn.Process(target=there.pipe_fill, args=(theirs, what, count))
        child.start()
        seconds = received(count, ours.recv)
        child.join()
        return seconds

    return case


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


def _streams(what: str) -> dict[str, Case]:
    return {
        "interp: send in a loop": port_stream("interp", what),
        "interp: concurrent.interpreters.Queue": interp_queue_stream(what),
        "thread: send in a loop": port_stream("thread", what),
        "thread: queue.SimpleQueue": simple_queue_stream(what),
        "process: send in a loop": port_stream("process", what),
        "process: multiprocessing.Pipe": pipe_stream(what),
        "process: multiprocessing.Queue": mp_queue_stream(what),
    }


#: By metric and peer. A peer's name begins with what isolates it.
CASES: dict[str, dict[str, Case]] = {
    "stream of int": {
        **_streams("int"),
        "interp: send_sync": port_stream("interp", "int", there.stream_sync),
        "interp: send_many, 100 each": port_stream("interp", "int", there.stream_lists),
        "Dart: SendPort": dart.case("stream"),
    },
    **{f"stream of {what}": _streams(what) for what in there.SAMPLES if what != "int"},
    "round trip": {
        "interp: ports": port_trip("interp"),
        "interp: a bare socketpair": socket_trip,
        "interp: a bare socketpair each way": sockets_trip,
        "interp: concurrent.interpreters.Queue": interp_queue_trip,
        "thread: ports": port_trip("thread"),
        "thread: queue.SimpleQueue": simple_queue_trip,
        "process: ports": port_trip("process"),
        "process: multiprocessing.Pipe": pipe_trip(),
        "process: multiprocessing.Queue": mp_queue_trip,
        "Dart: SendPort": dart.case("trip"),
    },
    "round trip of 10 MB": {
        "interp: Transferable, 10 bytes": port_trip("interp", _block(10)),
        "interp: Transferable, 10 MB": port_trip("interp", _block(LARGE)),
        "interp: bytes, 10 MB": port_trip("interp", lambda: bytes(LARGE)),
        "process: Transferable, 10 bytes": port_trip("process", _block(10)),
        "process: Transferable, 10 MB": port_trip("process", _block(LARGE)),
        "process: bytes, 10 MB": port_trip("process", lambda: bytes(LARGE)),
        "process: multiprocessing.Pipe, 10 MB": pipe_trip(lambda: bytes(LARGE)),
        "Dart: TransferableTypedData, 10 MB": dart.case("block"),
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
        "Dart: Isolate.run, a new isolate each": dart.case("run"),
    },
    offload.CALLS: {
        "interp: in the worker itself": offload.calls(0),
        "interp: in one isolate": offload.calls(1),
        "interp: in two isolates": offload.calls(2),
    },
    offload.BESIDE: {
        "interp: nothing else": offload.beside(None),
        "interp: while two isolates work": offload.beside(2),
        "interp: while the worker itself works": offload.beside(0),
    },
}


def main() -> None:
    """One case."""
    metric, peer, count = sys.argv[1:]
    case = CASES[metric][peer]
    try:
        values = [case(int(count)) for _ in range(VALUES + 1)]
    except MissingPeerError as error:
        print(f"{metric}: {peer}: {error}", file=sys.stderr)
        sys.exit(MISSING)
    print(json.dumps(values))


if __name__ == "__main__":
    main()
