"""Many senders, and deaths in the middle of it."""

import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from isolate import entries
from subsrv import isolate
from subsrv.isolate import PortClosedError, ReceivePort

WAIT = 20.0


def in_order(port: ReceivePort, senders: int) -> list[int]:
    """Receive (sender, number) to the end; how many came of each, none missing before another."""
    found = [0] * senders
    for sender, number in port:
        assert number == found[sender]
        found[sender] += 1
    return found


def test_threads_that_share_one_sender() -> None:
    with ReceivePort(buffer=16384) as port:
        threads = [
            threading.Thread(target=entries.count, args=(port.send_port, number, 1000))
            for number in range(4)
        ]

        def close_after_all() -> None:
            for thread in threads:
                thread.join()
            port.send_port.close()

        closer = threading.Thread(target=close_after_all)
        for thread in (*threads, closer):
            thread.start()
        assert in_order(port, 4) == [1000] * 4
        closer.join()


def test_a_sender_that_is_killed_doubles_and_reorders_nothing(kind: str) -> None:
    for messages, priority in zip((1, 50, 1000), isolate.PRIORITIES, strict=True):
        with ReceivePort(buffer=16384) as port:
            child = isolate.spawn(entries.count, port.send_port, 0, 10_000_000, kind=kind)
            port.send_port.close()
            for number in range(messages):
                assert port.receive_sync(timeout=WAIT) == (0, number)
            child.kill(priority)
            expected = messages
            for message in port:
                # Sent before the kill, or while it was under way.
                assert message == (0, expected)
                expected += 1
                if priority == "stop" and expected == messages + 1000:
                    break  # it sends and never waits, so it is not stopped
        assert child.join_sync(timeout=WAIT).reason in ("killed", "died", "error")


@pytest.mark.parametrize("messages", [0, 300])
def test_a_receiver_that_is_killed_tells_its_senders(kind: str, messages: int) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.echo, port.send_port, kind=kind)
        there = port.receive_sync(timeout=WAIT)
        port.send_port.close()
        for number in range(messages):
            there.send_sync(number)
        child.kill("raise")
        with contextlib.suppress(PortClosedError):  # sooner or later; if never, the port fills
            while True:
                there.send_sync(0, timeout=WAIT)
        assert child.join_sync(timeout=WAIT).reason in ("killed", "error")
        got = list(port)
        assert got[:messages] == list(range(len(got[:messages])))


def test_spawning_and_killing_leaves_no_descriptor_and_no_thread(kind: str) -> None:
    def cycle() -> None:
        with ReceivePort() as port:
            child = isolate.spawn(entries.wait, port.send_port, kind=kind)
            assert port.receive_sync(timeout=WAIT) == "started"
            child.kill()
            assert child.join_sync(timeout=WAIT).reason == "killed"

    def held() -> tuple[int, int]:
        gc.collect()
        return len(os.listdir("/proc/self/fd")), len(list(Path("/proc/self/task").iterdir()))

    cycle()
    before = held()
    for _ in range(2):
        cycle()
    fds, threads = held()
    # The isolate's own thread has said that it is over, and may be ending still.
    assert (fds, threads) <= (before[0], before[1] + 1)


MEMORY = """
import json, sys
from pathlib import Path
from isolate import entries
from subsrv import isolate

def cycle():
    with isolate.ReceivePort() as port:
        child = isolate.spawn(entries.wait, port.send_port, kind=sys.argv[1])
        assert port.receive_sync(timeout=20) == "started"
        child.kill()
        assert child.join_sync(timeout=20).reason == "killed"

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

if __name__ == "__main__":
    pages = []
    for _ in range(24):
        cycle()
        pages.append(resident())
    print(json.dumps(pages))
"""

# Bytes a cycle. An interpreter that is not freed is some megabytes; where the allocator stands
# after some cycles varies by three.
SLOPE = 256 * 1024


@pytest.mark.skipif(sys.version_info < (3, 14), reason="CPython 3.13 leaks of each interpreter")
@pytest.mark.parametrize("kind", ["interp", "thread"])  # a process takes its memory with it
def test_memory_is_flat_over_spawning_and_killing(kind: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(MEMORY)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script), kind],
        env={"PYTHONPATH": f"{root}:{root / 'tests'}"},
        stdout=subprocess.PIPE,
        timeout=120,
        check=True,
    )
    pages = json.loads(done.stdout)[4:]
    slope = statistics.linear_regression(range(len(pages)), pages).slope
    assert slope * os.sysconf("SC_PAGE_SIZE") < SLOPE, pages
