"""The benchmark: what a request costs the server, as a ratio to a responder in C.

Sections: overhead (one worker: native, ASGI and WSGI hello, against the floor), scaling (two
workers against one on CPU-bound work), nogil (does a request cost more with two no-GIL workers?)
and memory (what one more worker takes). Each runs in interleaved rounds whose order is shuffled.
"""

import argparse
import os
import random
import sys
from pathlib import Path
from typing import Any

from experiments import report
from experiments.harness import environment, publish, wrk
from experiments.harness.interpreters import InterpreterError, Interpreters
from experiments.harness.options import INTERFACES, MODES, add_python, names, positive
from experiments.harness.paths import RESULTS
from experiments.harness.section import Options, targets_table
from experiments.harness.table import Table
from experiments.sections import SECTIONS, Section, overhead


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--section",
        action="append",
        choices=SECTIONS,
        help="what to run; repeatable (default: overhead)",
    )
    add(
        "--only",
        type=names((overhead.FLOOR, *INTERFACES)),
        metavar="LIST",
        help="interfaces: native,asgi,wsgi, or floor for the floor alone (it always takes part)",
    )
    add(
        "--mode",
        type=names(MODES),
        metavar="LIST",
        help="modes to measure (default: interp for overhead, which takes one; else all)",
    )
    add_python(parser)
    add("--rounds", type=positive, metavar="N", help="rounds, the warm-up not counted")
    add("--duration", type=positive, metavar="SECONDS", help="length of a round")
    add("--quick", action="store_true", help="one round of one second")
    add("--seed", type=int, help="for the order of the rounds (default: random)")
    add("--json", type=Path, metavar="FILE", help="write every value there")
    add("--publish", action="store_true", help="write every value to a new file in results/bench")
    add("--check", action="store_true", help="fail where a target is missed")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen sections, print them, and return the exit status."""
    args = _parser().parse_args(arguments)
    try:
        wrk.version()
        interpreters = Interpreters.parse(args.python)
    except (wrk.WrkError, InterpreterError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    seed = random.randrange(10_000) if args.seed is None else args.seed
    raw: dict[str, Any] = {"environment": environment.describe(), "seed": seed, "sections": {}}
    missed = False
    for name in args.section or ["overhead"]:
        section = SECTIONS[name]
        options = Options(
            interpreters=interpreters,
            rounds=1 if args.quick else args.rounds or section.rounds,
            duration=1 if args.quick else args.duration or section.duration,
            seed=seed,
            interfaces=args.only or section.interfaces,
            modes=args.mode or section.modes,
        )
        raw["sections"][name] = section.run(options)
        missed |= not _show(name, section, raw["sections"][name])
    raw["load_average_after"] = os.getloadavg()
    _show_environment(raw)
    if args.json:
        publish.write(args.json, raw)
    if args.publish:
        publish.write(publish.new_file(RESULTS, "bench", raw["environment"]), raw)
        report.main([])
    failed = any(section["failures"] for section in raw["sections"].values())
    return 1 if failed or (args.check and missed) else 0


def _show(name: str, section: Section, measured: dict[str, Any]) -> bool:
    """Print one section; returns whether every target is met."""
    facts = measured["interpreters"]
    where = (f", {mode} on CPython {about['name']}" for mode, about in facts.items())
    print(f"\n{name}{''.join(where)}\n")
    for table in section.tables(measured):
        print(table.text() if isinstance(table, Table) else table, end="\n\n")
    for what, failure in measured["failures"].items():
        print(f"FAILED {what}: {failure}\n")
    targets = section.targets(measured)
    if targets:
        print(targets_table(targets).text())
    return all(target.met for target in targets)


def _show_environment(raw: dict[str, Any]) -> None:
    about = raw["environment"]
    before, after = about["load_average"][0], raw["load_average_after"][0]
    print(
        f"\nCPU is user + system of the server's whole process tree; medians of the rounds, "
        "ratios round by round.\n"
        f"Client and server share {about['cpus']} CPUs ({about['cpu_model']}); load average "
        f"{before:.2f} before, {after:.2f} after; order from seed {raw['seed']};\n"
        f"{about['client']}; kernel {about['kernel']}; commit {about['commit']}."
    )


if __name__ == "__main__":
    sys.exit(main())
