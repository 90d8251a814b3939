"""Measure messages between isolates, beside what else Python has for it.

    python -m experiments.isolates [--rounds 3] [--minutes N] [--resume FILE] [--quick]

Each round runs every case in a process of its own, in a shuffled order; one process is one pyperf
run, and is written at once. --minutes ends after about so many, with status 3; --resume goes on
with what is missing in a file of raw data. --quick tries every case once, with few messages, and
publishes nothing. A peer that cannot be had is named, and left out.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyperf  # type: ignore[import-untyped]

from experiments import report
from experiments.harness import cpus, environment, publish
from experiments.harness.command import UNFINISHED, positive
from experiments.harness.paths import REPOSITORY, RESULTS
from experiments.harness.study import plan
from experiments.isolates import cases, offload
from experiments.isolates.cases import CASES

#: Operations a value. What polls every 10 ms gets fewer round trips.
COUNTS = {
    "stream of int": 100_000,
    "stream of 1 KB of bytes": 30_000,
    "stream of a dict": 20_000,
    "stream of 100 KB of bytes": 1000,
    "round trip": 3000,
    "round trip of 10 MB": 30,
    "call": 1000,
    offload.CALLS: 200,
    offload.BESIDE: 600,
}
_POLLED = ("round trip", "concurrent.interpreters.Queue", 30)

_TIMEOUT = 120.0  # seconds for one process
_SEED = 2015


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rounds", type=positive, default=3, metavar="N")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="N")
    parser.add_argument("--resume", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    if sys.version_info < (3, 14):
        parser.error("its peers need CPython 3.14 or later")
    deadline = time.monotonic() + options.minutes * 60
    about = environment.describe(cpus.split()) | {"python_version": platform.python_version()}
    runs = read(options.resume) if options.resume else {}
    commits = {each[0].get_metadata()["subsrv_commit"] for each in runs.values()}
    if not commits <= {about["subsrv_commit"]}:
        parser.error("what is there was measured on another commit")
    path = options.resume or publish.new_file(RESULTS, "isolates", about)
    left = todo(runs, 1 if options.quick else options.rounds)
    for index, (number, name) in enumerate(left):
        if time.monotonic() > deadline:
            print(f"{len(left) - index} are missing: --resume {path}", file=sys.stderr)
            return UNFINISHED
        metric, _, peer = name.partition(": ")
        values = measured(metric, peer, count(metric, peer, quick=options.quick))
        if values is None:
            continue
        print(f"{number}: {name}: {min(values) * 1e6:.2f} µs", file=sys.stderr)
        loads = {f"load_{n}": load for n, load in enumerate(os.getloadavg())}
        runs.setdefault(name, []).append(
            pyperf.Run(
                values[1:],
                warmups=[(1, values[0])],
                metadata={"name": name, "unit": "second", **about, **loads},
                collect_metadata=False,
            )
        )
        if not options.quick:
            suite = pyperf.BenchmarkSuite([pyperf.Benchmark(found) for found in runs.values()])
            suite.dump(str(path), replace=True)
    if not options.quick:
        report.main([])
    return 0


def read(path: Path) -> dict[str, list[pyperf.Run]]:
    """The runs in a file of raw data, by case."""
    suite = pyperf.BenchmarkSuite.load(str(path))
    return {each.get_name(): each.get_runs() for each in suite}


def todo(runs: Mapping[str, Sequence[object]], rounds: int) -> list[tuple[int, str]]:
    """Round and case of what is missing, in its order."""
    names = [f"{metric}: {peer}" for metric, peers in CASES.items() for peer in peers]
    turns = plan(names, rounds=rounds, seed=_SEED)
    return [(number, name) for number, name in turns if number > len(runs.get(name, ()))]


def count(metric: str, peer: str, *, quick: bool) -> int:
    """How many operations are timed as one."""
    polled = metric == _POLLED[0] and _POLLED[1] in peer
    found = _POLLED[2] if polled else COUNTS[metric]
    return max(found // 100, 3) if quick else found


def measured(metric: str, peer: str, operations: int) -> list[float] | None:
    """The values of one process; the first is a warm-up. None for a peer that cannot be had."""
    module = "experiments.isolates.cases"
    done = subprocess.run(
        [sys.executable, "-m", module, metric, peer, str(operations)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    if done.returncode == cases.MISSING:
        return None
    done.check_returncode()
    values: list[float] = json.loads(done.stdout)
    return values


if __name__ == "__main__":
    sys.exit(main())
