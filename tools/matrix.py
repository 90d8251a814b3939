"""Lint, types and the tests over the interpreter matrix, with a table at either end.

``python3 -m tools.matrix [--lint] [--legs "t 3.13 3.14 3.15"] [--jobs N] [pytest's options]``
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tools import environment, steps
from tools.environment import LINT_LEG, Environment
from tools.pythons import find, request
from tools.pythons.errors import UnavailableError
from tools.steps import Result, Step

# The longest first, so that none of them is alone at the end.
_LEGS = "t 3.13 3.14 3.15"

_SOURCES = ("subsrv", "experiments", "tests", "tools")

_LINT = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("mypy --strict", ("-m", "mypy", "--strict", *_SOURCES)),
)

_PYTEST = ("-m", "pytest")

# Of the legs but one: without the tests that say nothing about the interpreter (tests/conftest.py).
_OTHERS = ("-m", "not once")


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; exit status 1 if anything failed or a leg cannot be had, 128 + N after signal N."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.matrix",
        description="Lint, types and tests over the interpreters; other options go to pytest.",
        allow_abbrev=False,
    )
    parser.add_argument("--legs", default=_LEGS, help=f"interpreter requests (default: {_LEGS})")
    parser.add_argument("--lint", action="store_true", help="lint and types only")
    parser.add_argument(
        "--jobs",
        type=_count,
        default=_usable_cpus() + 1,  # most tests wait for something
        metavar="N",
        help="steps at a time (default: the CPUs that can be used and one, here %(default)s)",
    )
    options, pytest_options = parser.parse_known_args(argv)
    legs = options.legs.split()
    results: list[Result] = []
    todo: list[Step] = []
    environments = _prepare([] if options.lint else legs, results)
    try:
        linter = environments.get(LINT_LEG) or environment.ensure(LINT_LEG, dev=True)
    except UnavailableError as error:
        results.append(Result("lint and types", False, str(error), 0.0))
    else:
        todo += [Step(name, linter, command) for name, command in _LINT]
    main_leg = LINT_LEG if LINT_LEG in environments else next(iter(environments), None)
    for leg, made in environments.items():
        # A cache for each: legs that run at once would overwrite the other's list of failures.
        cache = ("-o", f"cache_dir=.pytest_cache/{leg}")
        chosen = () if leg == main_leg else _OTHERS
        todo.append(Step(f"pytest {leg}", made, (*_PYTEST, *cache, *chosen, *pytest_options)))
    ended, signalled = steps.run(todo, jobs=options.jobs)
    results += ended
    rows = [
        (each.step, "passed" if each.passed else "FAILED", f"{each.seconds:.0f} s", each.said)
        for each in results
    ]
    _table(("step", "result", "time", "last line"), rows)
    if signalled:
        return 128 + signalled
    return 0 if all(each.passed for each in results) else 1


def _count(word: str) -> int:
    value = int(word)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {value}")
    return value


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _prepare(legs: Sequence[str], results: list[Result]) -> dict[str, Environment]:
    """Get each leg's interpreter and environment, and tell which it is and where from."""
    environments = {}
    rows = []
    notes = []
    for leg in legs:
        try:
            interpreter, passed_over = find.find(request.parse(leg))
            environments[leg] = environment.make(leg, interpreter, dev=True)
        except (UnavailableError, ValueError) as error:
            results.append(Result(f"pytest {leg}", False, "cannot be had", 0.0))
            rows.append((leg, "CANNOT BE HAD", "", ""))
            notes.append(str(error))
        else:
            gil = "off" if interpreter.free_threaded else "on"
            rows.append((leg, interpreter.version, gil, interpreter.origin))
            notes += passed_over
    if legs:
        _table(("leg", "version", "GIL", "where from"), rows)
        print("\n".join(notes), flush=True)
    return environments


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    print()
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        print("  ".join(cells).rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
