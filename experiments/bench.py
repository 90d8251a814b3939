"""The benchmark: what a request costs the server, as a ratio to a responder in C.

Sections: overhead (one worker: native, ASGI and WSGI hello, against the floor), scaling (two
workers against one on CPU-bound work), nogil (does a request cost more with two no-GIL workers?)
and memory (what one more worker takes). Each runs in interleaved rounds whose order is shuffled.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from experiments.harness import environment, wrk
from experiments.harness.interpreters import InterpreterError, Interpreters
from experiments.harness.section import Options, Target, targets_table
from experiments.harness.table import Table
from experiments.sections import memory, overhead, scaling, sharing

MODES = ("interp", "nogil", "thread", "process")
INTERFACES = ("native", "asgi", "wsgi")


class Section(NamedTuple):
    """One part of the benchmark, and how long it runs where nobody says."""

    run: Callable[[Options], dict[str, Any]]
    tables: Callable[[dict[str, Any]], list[Table | str]]
    targets: Callable[[dict[str, Any]], list[Target]]
    rounds: int
    duration: int
    interfaces: tuple[str, ...]
    modes: tuple[str, ...]


SECTIONS = {
    "overhead": Section(
        overhead.run, overhead.tables, overhead.targets, 5, 2, INTERFACES, ("interp",)
    ),
    "scaling": Section(scaling.run, scaling.tables, scaling.targets, 5, 2, ("asgi",), MODES),
    "nogil": Section(sharing.run, sharing.tables, sharing.targets, 8, 2, ("asgi",), ("nogil",)),
    "memory": Section(memory.run, memory.tables, memory.targets, 3, 1, ("asgi",), MODES),
}


def _names(allowed: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(name for name in text.split(",") if name)
        unknown = ", ".join(name for name in names if name not in allowed)
        if unknown or not names:
            raise argparse.ArgumentTypeError(f"{unknown or 'nothing'}: not of {', '.join(allowed)}")
        return names

    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--section",
        action="append",
        choices=SECTIONS,
        help="what to run; repeatable (default: overhead)",
    )
    parser.add_argument(
        "--only",
        type=_names(INTERFACES),
        metavar="LIST",
        help="interfaces to measure: native,asgi,wsgi",
    )
    parser.add_argument(
        "--mode",
        type=_names(MODES),
        metavar="LIST",
        help="modes to measure (default: interp for overhead, else all four)",
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="[LEG=]PATH",
        help="interpreter to measure; repeatable, to give one with a GIL and a "
        "free-threaded one (default: 3.14 and the newest free-threaded)",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds, the warm-up not counted")
    parser.add_argument("--duration", type=int, metavar="SECONDS", help="length of a round")
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    parser.add_argument("--seed", type=int, help="for the order of the rounds (default: random)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value there")
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
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
        args.json.write_text(json.dumps(raw, indent=1) + "\n")
    failed = any(section["failures"] for section in raw["sections"].values())
    return 1 if failed or (args.check and missed) else 0


def _show(name: str, section: Section, measured: dict[str, Any]) -> bool:
    """Print one section; returns whether every target is met."""
    facts = measured["interpreters"]
    where = ", ".join(f"{mode} on CPython {about['name']}" for mode, about in facts.items())
    print(f"\n{name}: {where}\n")
    for table in section.tables(measured):
        print(table.text() if isinstance(table, Table) else table, end="\n\n")
    for what, failure in measured["failures"].items():
        print(f"FAILED {what}: {failure}\n")
    targets = section.targets(measured)
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
