"""Counts every path, prints what was found, and tells what has become dearer."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from experiments.harness.interpreters import Interpreter
from experiments.instructions import baseline, callgrind, counting
from experiments.instructions.baseline import Change, Paths
from experiments.instructions.callgrind import Counts
from experiments.instructions.traffic import PATHS, Path


def count(python: str, wanted: str = "", mode: str = "process") -> Paths:
    """What each path costs whose name has `wanted` in it; as many workers at once as CPUs.

    Each has a worker of its own: to what the interpreter specialises code depends on what has come
    before, and that makes several per cent.
    """
    chosen = [way for way in PATHS if wanted in way.name]

    def of(way: Path) -> Counts:
        with counting.started(python, way.interface, mode) as worker:
            return worker.count(way)

    with ThreadPoolExecutor(os.process_cpu_count()) as pool:
        return dict(zip((way.name for way in chosen), pool.map(of, chosen), strict=True))


def report(
    python: Interpreter, *, wanted: str = "", mode: str = "process", write: bool = False
) -> int:
    """Count, print, and compare with what is kept; the exit status, 1 where a path has grown."""
    try:
        build = baseline.build(python.facts, callgrind.version())
    except callgrind.UnavailableError as error:
        print(f"instructions are not counted: {error}", file=sys.stderr)
        return 0
    before = baseline.read().get(build, {})
    try:
        counted = count(python.path, wanted, mode)
    except (counting.CountingError, OSError, EOFError) as error:
        print(f"instructions could not be counted: {error!r}", file=sys.stderr)
        return 1
    changes = baseline.compare(counted, before)
    print(
        f"\nInstructions of one worker for a request, {build}:\n\n{baseline.table(changes).text()}"
    )
    if write:
        baseline.write(build, counted)
        return 0
    if not before:
        print("\nNothing is kept for this build: --write keeps these.")
    return _told(changes)


def _told(changes: list[Change]) -> int:
    faults = [fault for change in changes for fault in change.faults]
    for fault in faults:
        print(f"DEARER THAN BEFORE: {fault}", file=sys.stderr)
    if faults:
        print("If that is meant to be: python -m experiments.instructions --write", file=sys.stderr)
    return int(bool(faults))
