"""Measure messages between isolates, beside what else Python has for it.

    python -m experiments.isolates [--rounds 5] [--quick]

Each round runs every case in a process of its own, in a shuffled order; one process is one pyperf
run. --quick tries every case once, with few messages, and publishes nothing.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from collections.abc import Sequence

import pyperf  # type: ignore[import-untyped]

from experiments import report
from experiments.harness import cpus, environment, publish
from experiments.harness.paths import REPOSITORY, RESULTS
from experiments.isolates.cases import CASES

#: Operations a value. What polls every 10 ms gets fewer round trips.
COUNTS = {"stream": 100_000, "round trip": 3000, "round trip of 10 MB": 30, "call": 1000}
_POLLED = ("round trip", "concurrent.interpreters.Queue", 30)

_TIMEOUT = 120.0  # seconds for one process


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=2015)
    options = parser.parse_args(arguments)
    if sys.version_info < (3, 14):
        parser.error("its peers need CPython 3.14 or later")
    about = environment.describe(cpus.split())
    about |= {"python_version": platform.python_version(), "seed": options.seed}
    cases = [(metric, peer) for metric, peers in CASES.items() for peer in peers]
    runs: dict[tuple[str, str], list[pyperf.Run]] = {case: [] for case in cases}
    shuffle = random.Random(options.seed).shuffle
    for number in range(1 if options.quick else options.rounds):
        shuffle(cases)
        for metric, peer in cases:
            values = measured(metric, peer, count(metric, peer, quick=options.quick))
            print(f"{number + 1}: {metric}, {peer}: {min(values) * 1e6:.2f} µs", file=sys.stderr)
            loads = {f"load_{n}": load for n, load in enumerate(os.getloadavg())}
            runs[metric, peer].append(
                pyperf.Run(
                    values[1:],
                    warmups=[(1, values[0])],
                    metadata={"name": f"{metric}: {peer}", "unit": "second", **about, **loads},
                    collect_metadata=False,
                )
            )
    if not options.quick:
        suite = pyperf.BenchmarkSuite([pyperf.Benchmark(found) for found in runs.values()])
        suite.dump(str(publish.new_file(RESULTS, "isolates", about)))
        report.main([])


def count(metric: str, peer: str, *, quick: bool) -> int:
    """How many operations are timed as one."""
    polled = metric == _POLLED[0] and _POLLED[1] in peer
    found = _POLLED[2] if polled else COUNTS[metric]
    return max(found // 100, 3) if quick else found


def measured(metric: str, peer: str, operations: int) -> list[float]:
    """The values of one process; the first is a warm-up."""
    module = "experiments.isolates.cases"
    done = subprocess.run(
        [sys.executable, "-m", module, metric, peer, str(operations)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_TIMEOUT,
        check=True,
    )
    values: list[float] = json.loads(done.stdout)
    return values


if __name__ == "__main__":
    main()
