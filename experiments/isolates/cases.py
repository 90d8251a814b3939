"""The cases: a metric, a peer, and a function that gives seconds for each operation.

    python -m experiments.isolates.cases METRIC PEER COUNT

runs one of them in this process, and prints its values as JSON.
"""

import json
import socket
import sys

from experiments.isolates import dart, offload, ours, rivals, there
from experiments.isolates.clock import Case
from experiments.peers.peer import MissingPeerError

#: Runs of each case in one process; the first is a warm-up.
VALUES = 3

#: The exit status for a peer that cannot be had.
MISSING = 3

#: Bytes of the large transfers.
LARGE = 10_000_000


def _streams(what: str) -> dict[str, Case]:
    return {
        **{f"{kind}: send in a loop": ours.stream(kind, what) for kind in _KINDS},
        **{name: rivals.queue_stream(name, what) for name in rivals.QUEUES},
        "process: multiprocessing.Pipe": rivals.pipe_stream(what),
    }


_KINDS = ("interp", "thread", "process")

#: By metric and peer. A peer's name begins with what isolates it.
CASES: dict[str, dict[str, Case]] = {
    "stream of int": {
        **_streams("int"),
        "interp: send_sync": ours.stream("interp", "int", there.stream_sync),
        "interp: send_many, 100 each": ours.stream("interp", "int", there.stream_lists),
        "Dart: SendPort": dart.case("stream"),
    },
    **{f"stream of {what}": _streams(what) for what in there.SAMPLES if what != "int"},
    "round trip": {
        "interp: ports": ours.trip("interp"),
        "interp: a bare socketpair": rivals.socket_trip(socket.SOCK_STREAM),
        "interp: a bare socketpair of packets": rivals.socket_trip(socket.SOCK_SEQPACKET),
        "interp: a bare socketpair each way": rivals.sockets_trip,
        "thread: ports": ours.trip("thread"),
        "process: ports": ours.trip("process"),
        "process: multiprocessing.Pipe": rivals.pipe_trip(),
        **{name: rivals.queue_trip(name) for name in rivals.QUEUES},
        "Dart: SendPort": dart.case("trip"),
    },
    "round trip of 10 MB": {
        "interp: Transferable, 10 bytes": ours.trip("interp", ours.block(10)),
        "interp: Transferable, 10 MB": ours.trip("interp", ours.block(LARGE)),
        "interp: bytes, 10 MB": ours.trip("interp", lambda: bytes(LARGE)),
        "process: Transferable, 10 bytes": ours.trip("process", ours.block(10)),
        "process: Transferable, 10 MB": ours.trip("process", ours.block(LARGE)),
        "process: bytes, 10 MB": ours.trip("process", lambda: bytes(LARGE)),
        "process: multiprocessing.Pipe, 10 MB": rivals.pipe_trip(lambda: bytes(LARGE)),
        "Dart: TransferableTypedData, 10 MB": dart.case("block"),
    },
    "call": {
        "interp: Pool.run_sync": ours.call("interp"),
        "interp: InterpreterPoolExecutor": rivals.executor_call(rivals.interpreter_pool),
        "thread: Pool.run_sync": ours.call("thread"),
        "thread: ThreadPoolExecutor": rivals.executor_call(rivals.thread_pool),
        "process: Pool.run_sync": ours.call("process"),
        "process: ProcessPoolExecutor": rivals.executor_call(rivals.process_pool),
        "Dart: Isolate.run, a new isolate each": dart.case("run"),
    },
    offload.CALLS: {
        "interp: in the worker itself": offload.calls(0),
        "interp: in one isolate": offload.calls(1),
        "interp: in two isolates": offload.calls(2),
        "interp: in two isolates of low priority": offload.calls(2, nice=offload.LOW),
    },
    offload.BESIDE: {
        "interp: nothing else": offload.beside(None),
        "interp: while two isolates work": offload.beside(2),
        "interp: while two isolates of low priority work": offload.beside(2, nice=offload.LOW),
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
