"""The cases of subsrv.isolate."""

from collections.abc import Callable
from typing import Any

from experiments.isolates import there
from experiments.isolates.clock import Case, received, timed
from subsrv import isolate


def stream(kind: str, what: str, entry: Callable[..., object] = there.stream) -> Case:
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


def trip(kind: str, message: Callable[[], Any] = lambda: 1) -> Case:
    """There and back."""

    def case(count: int) -> float:
        with (
            isolate.ReceivePort() as port,
            isolate.spawn(there.echo, port.send_port, kind=kind),
            port.receive_sync() as out,
        ):
            sent = message()

            def once() -> None:
                nonlocal sent
                out.send_sync(sent)
                sent = port.receive_sync()

            return timed(count, once)

    return case


def call(kind: str) -> Case:
    """An empty function in a warm pool."""

    def case(count: int) -> float:
        with isolate.Pool(1, kind=kind) as pool:
            pool.run_sync(there.nothing)
            return timed(count, lambda: pool.run_sync(there.nothing))

    return case


def block(size: int) -> Callable[[], Any]:
    """Memory that moves."""
    return lambda: isolate.Transferable.allocate(size)
