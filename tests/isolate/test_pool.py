"""Pools, and run."""

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from isolate import entries
from subsrv import isolate
from subsrv.errors import ConfigError
from subsrv.isolate import (
    IsolateDiedError,
    NotReceivableError,
    NotSendableError,
    Pool,
    ReceivePort,
    RemoteError,
    RemoteTraceback,
    Transferable,
    kinds,
)

WAIT = 20.0


@pytest.fixture(scope="module")
def pool(kind: str) -> Iterator[Pool]:
    with Pool(2, kind=kind) as pool:
        yield pool


def test_a_function_runs_in_an_isolate(kind: str, pool: Pool) -> None:
    there = pool.run_sync(entries.where)
    assert there[0] == kind
    assert there[1:] != tuple(entries.identity().values())
    assert asyncio.run(pool.run(entries.square, number=7)) == 49
    assert asyncio.run(pool.run(entries.square_async, 8)) == 64
    assert pool.run_sync("isolate.entries:square", 9) == 81


def test_an_exception_arrives_with_its_traceback(pool: Pool) -> None:
    with pytest.raises(ValueError, match="boom") as caught:
        pool.run_sync(entries.boom)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in boom" in str(caught.value.__cause__)
    with pytest.raises(ValueError, match="boom"):
        asyncio.run(pool.run(entries.boom, 1, 2))
    with pytest.raises(RemoteError, match="odd"):
        pool.run_sync(entries.raise_unpicklable)
    with pytest.raises(SystemExit):
        pool.run_sync(entries.leave)
    assert pool.run_sync(entries.square, 3) == 9


def test_what_cannot_cross_is_told_and_costs_no_isolate(pool: Pool) -> None:
    pool.warm_up_sync()
    before = set(pool._all)
    with pytest.raises(NotSendableError, match="lock"):
        pool.run_sync(entries.square, threading.Lock())
    with pytest.raises(NotSendableError, match="lock"):
        pool.run_sync(entries.give, "lock")
    with pytest.raises(NotReceivableError, match="cannot be made again"):
        pool.run_sync(entries.square, entries.Weird())
    with pytest.raises(NotReceivableError, match="cannot be made again"):
        asyncio.run(pool.run(entries.give, "weird"))
    with pytest.raises(NotSendableError, match="a lambda"):
        pool.run_sync(lambda: None)
    with pytest.raises(NotSendableError, match="a lambda"):
        pool.submit(lambda: None)
    assert set(pool._all) == before


def test_ports_and_transferables_are_arguments_and_results(pool: Pool) -> None:
    with ReceivePort() as port:
        pool.run_sync(entries.count, port.send_port, 0, 3)
        assert [port.receive_sync(timeout=WAIT) for _ in range(3)] == [(0, 0), (0, 1), (0, 2)]
    with pool.run_sync(entries.flip, Transferable(b"\0\xff")) as back:
        assert bytes(back.view) == b"\xff\0"


def test_it_is_an_executor(kind: str, pool: Pool) -> None:
    assert list(pool.map(entries.square, range(20))) == [n * n for n in range(20)]
    future = pool.submit(entries.boom)
    assert isinstance(future.exception(timeout=WAIT), ValueError)

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(pool, entries.square, n) for n in range(5)]
        return await asyncio.gather(*calls)

    assert entries.bounded(main()) == [0, 1, 4, 9, 16]
    assert isinstance(pool, concurrent.futures.Executor)


def test_more_calls_than_isolates_wait_for_their_turn(pool: Pool) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(pool.run(entries.square, n) for n in range(50)))

    assert entries.bounded(main()) == [n * n for n in range(50)]
    assert len(pool._all) <= 2


def test_a_cancelled_call_ends_its_isolate_and_leaves_the_pool_whole(kind: str) -> None:
    async def main() -> None:
        with ReceivePort() as port:
            async with Pool(1, kind=kind) as pool:
                call = asyncio.create_task(pool.run(entries.spin, port.send_port))
                assert await port.receive() == "started"
                waiting = asyncio.create_task(pool.run(entries.square, 1))
                other = asyncio.create_task(pool.run(entries.square, 2))
                await asyncio.sleep(0)
                waiting.cancel()
                call.cancel()
                done = await asyncio.gather(call, waiting, other, return_exceptions=True)
                assert [type(one) for one in done[:2]] == [asyncio.CancelledError] * 2
                assert done[2] == 4

    entries.bounded(main())


def test_a_call_that_takes_too_long_ends(kind: str) -> None:
    with ReceivePort() as port, Pool(1, kind=kind, timeout=0.2) as pool:
        pool.warm_up_sync()
        with pytest.raises(TimeoutError):
            pool.run_sync(entries.spin, port.send_port)
        pool.warm_up_sync()
        with pytest.raises(TimeoutError):
            asyncio.run(pool.run(entries.spin, port.send_port))
        pool._timeout = WAIT
        assert pool.run_sync(entries.square, 4) == 16


def test_a_process_that_dies_in_a_call_is_told_and_replaced() -> None:
    with Pool(1, kind="process") as pool:
        for _ in range(2):
            with pytest.raises(IsolateDiedError, match="exit status 7"):
                pool.run_sync(entries.crash)
            with pytest.raises(IsolateDiedError, match="exit status 7"):
                asyncio.run(pool.run(entries.crash))
        assert pool.run_sync(entries.square, 5) == 25


def test_an_idle_isolate_ends_and_another_takes_its_place(kind: str) -> None:
    with Pool(1, kind=kind, idle_timeout=0.05) as pool:
        assert pool.run_sync(entries.square, 2) == 4
        (member,) = pool._all
        assert member.isolate.join_sync(timeout=WAIT).reason == "done"
        assert pool.run_sync(entries.square, 3) == 9
        assert member not in pool._all


def test_a_pool_that_is_shut_down_refuses(kind: str) -> None:
    pool = Pool(1, kind=kind)
    assert pool.run_sync(entries.square, 2) == 4
    (member,) = pool._all
    pool.shutdown()
    assert member.isolate.ended
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.run_sync(entries.square, 2)
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(entries.square, 2)


def test_warm_isolates_are_ready(kind: str) -> None:
    async def main() -> None:
        async with Pool(2, kind=kind) as pool:
            await pool.warm_up(1)
            assert len(pool._all) == 1
            assert all(member.calls for member in pool._idle)

    entries.bounded(main())


def test_isolates_of_lower_priority(kind: str) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    if kind == "thread" and not kinds.free_threaded():
        with pytest.raises(ConfigError, match="hold the GIL"):
            Pool(1, kind=kind, nice=3)
        return
    with Pool(1, kind=kind, nice=3) as pool:
        assert pool.run_sync(entries.priority) == min(mine + 3, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == mine


@pytest.mark.parametrize("nice", [-1, 20])
def test_a_priority_is_not_higher_and_not_below_the_lowest(nice: int) -> None:
    with pytest.raises(ConfigError, match="0 to 19"):
        Pool(1, nice=nice)


def test_waiting_for_an_isolate_has_an_end(kind: str) -> None:
    with ReceivePort() as port, Pool(1, kind=kind) as pool, ThreadPoolExecutor(1) as threads:
        call = threads.submit(pool.run_sync, entries.hold, port.send_port)
        there = port.receive_sync(timeout=WAIT)
        pool._timeout = 0.01
        with pytest.raises(TimeoutError):
            pool.run_sync(entries.square, 2)
        with pytest.raises(TimeoutError):
            asyncio.run(pool.run(entries.square, 2))
        pool._timeout = None
        assert not pool._waiting or all(turn.cancelled() for turn in pool._waiting)
        # Who gave up has left the isolate to those who come.
        later = threads.submit(pool.run_sync, entries.square, 3)
        there.send_many([{}, 1])
        assert port.receive_sync(timeout=WAIT) == "holding"
        assert call.result(WAIT) is None
        assert later.result(WAIT) == 9
        there.close()


def test_the_default_pool() -> None:
    assert isolate.run_sync(entries.square, 6) == 36
    assert asyncio.run(isolate.run(entries.square, 7)) == 49
    assert isolate.run_sync(os.path.basename, "/a/b") == "b"
