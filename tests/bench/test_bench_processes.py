"""What a process tree used: held against children that use a known amount."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from subsrv.bench import processes

# A child that uses CPU and memory on command, and answers with what it knows it has used: its own
# time with that of its threads, and that of the children it has waited for.
_CHILD = """
import os, subprocess, sys, threading, time

def burn(seconds):
    begin = time.thread_time()
    while time.thread_time() - begin < seconds:
        pass

BURN = "import time\\nwhile time.process_time() < 0.2: pass"
kept = []
for line in sys.stdin:
    match line.strip():
        case "main":
            burn(0.1)
        case "thread":
            thread = threading.Thread(target=burn, args=(0.1,))
            thread.start()
            thread.join()
        case "child":
            subprocess.run([sys.executable, "-c", BURN], check=True)
        case "grandchild":
            child = subprocess.Popen(["sleep", "60"])
            kept.append(child)
            print(child.pid, flush=True)
            continue
        case "memory":
            kept.append(bytearray(b"x") * (32 << 20))
        case "end":
            child.kill()
            child.wait()
    times = os.times()
    print(time.process_time() + times.children_user + times.children_system, flush=True)
"""


@contextmanager
def _child() -> Iterator[tuple[int, Callable[[str], float]]]:
    with subprocess.Popen(
        (sys.executable, "-c", _CHILD), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        stdin, stdout = child.stdin, child.stdout

        def do(what: str) -> float:
            print(what, file=stdin, flush=True)
            return float(stdout.readline())

        try:
            yield child.pid, do
        finally:
            child.kill()


@pytest.mark.parametrize("what", ["main", "thread", "child"])
def test_cpu_of_a_tree_is_what_was_burnt(what: str) -> None:
    with _child() as (pid, do):
        known = do("nothing")
        before = processes.tree_cpu(pid)
        known = do(what) - known
        measured = processes.tree_cpu(pid) - before
    assert known >= 0.1
    # Two clock ticks for a child that ended, and the child's own asking.
    assert measured == pytest.approx(known, abs=0.03)


def test_a_thread_that_ended_is_not_forgotten() -> None:
    with _child() as (pid, do):
        before = processes.process_cpu(pid)
        do("thread")
        assert processes.process_cpu(pid) - before >= 0.1
        # What is left in the list of threads does not have it.
        assert sum(processes.thread_cpu(pid).values()) < processes.process_cpu(pid) - 0.09


def test_threads_by_name() -> None:
    with _child() as (pid, do):
        before = processes.thread_cpu(pid)
        do("main")
        after = processes.thread_cpu(pid)
    assert list(after) == [f"{pid}/{pid}"]
    assert after[f"{pid}/{pid}"] - before[f"{pid}/{pid}"] >= 0.1


def test_a_tree_has_its_descendants() -> None:
    with _child() as (pid, do):
        grandchild = int(do("grandchild"))
        try:
            assert processes.tree(pid) == sorted((pid, grandchild))
            assert os.getpid() not in processes.tree(pid)
        finally:
            do("end")
        assert processes.tree(pid) == [pid]


def test_memory_grows_by_what_was_taken() -> None:
    with _child() as (pid, do):
        before = processes.memory(pid)
        do("memory")
        after = processes.memory(pid)
    for figure in ("pss", "uss"):
        grown = getattr(after, figure) - getattr(before, figure)
        assert 32 << 20 <= grown < 40 << 20


def test_no_such_process() -> None:
    with _child() as (pid, _):
        pass
    assert processes.tree(pid) == []
    assert processes.tree_cpu(pid) == 0.0
    with pytest.raises(ProcessLookupError):
        processes.process_cpu(pid)
