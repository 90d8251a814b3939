"""Measure messages between isolates, beside what else Python has for it.

    python -m experiments.isolates [--rounds 5] [--resume FILE] [--quick]

Each round runs every case in a process of its own, in a shuffled order; one process is one pyperf
run. --resume adds rounds to a file of raw data. --quick tries every case once, with few messages,
and publishes nothing. A peer that cannot be had is named, and left out.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyperf  # type: ignore[import-untyped]

from experiments import report
from experiments.harness import cpus, environment, publish
from experiments.harness.paths import REPOSITORY, RESULTS
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
    offload.BESIDE: 400,
}
_POLLED = ("round trip", "concurrent.interpreters.Queue", 30)

_TIMEOUT = 120.0  # seconds for one process


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--resume", type=Path, metavar="FILE", help="add the rounds to this one")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=2015)
    options = parser.parse_args(arguments)
    if sys.version_info < (3, 14):
        parser.error("its peers need CPython 3.14 or later")
    about = environment.describe(cpus.split())
    about |= {"python_version": platform.python_version(), "seed": options.seed}
    done = pyperf.BenchmarkSuite.load(str(options.resume)) if options.resume else ()
    each_case = [(metric, peer) for metric, peers in CASES.items() for peer in peers]
    runs: dict[str, list[pyperf.Run]] = {each.get_name(): each.get_runs() for each in done}
    shuffle = random.Random(options.seed + sum(map(len, runs.values()))).shuffle
    for number in range(1 if options.quick else options.rounds):
        shuffle(each_case)
        for metric, peer in each_case:
            name = f"{metric}: {peer}"
            values = measured(metric, peer, count(metric, peer, quick=options.quick))
            if values is None:
                continue
            print(f"{number + 1}: {name}: {min(values) * 1e6:.2f} µs", file=sys.stderr)
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
        path = options.resume or publish.new_file(RESULTS, "isolates", about)
        suite.dump(str(path), replace=True)
        report.main([])


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
    main()
