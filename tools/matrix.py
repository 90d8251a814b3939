"""Lint, types and the tests over the interpreter matrix, with a table at either end.

``python3 -m tools.matrix [--lint] [--legs "3.13 t 3.14 3.15"] [pytest's options]``
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tools import environment
from tools.environment import LINT_LEG, ROOT, Environment
from tools.pythons import find, request
from tools.pythons.errors import UnavailableError

_LEGS = "3.13 t 3.14 3.15"

_SOURCES = ("subsrv", "experiments", "tests", "tools")

_LINT = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("mypy --strict", ("-m", "mypy", "--strict", *_SOURCES)),
)

_PYTEST = ("-m", "pytest")

#: Seconds for one step. pytest ends a test that hangs long before that; this ends what pytest
#: cannot, such as a server that outlived its test and holds the output open.
_STEP_TIMEOUT = 600.0


@dataclass(frozen=True)
class Result:
    """How one step of the matrix ended; ``said`` is the last line of its output."""

    step: str
    passed: bool
    said: str
    seconds: float


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; exit status 1 if anything failed or a leg cannot be had."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.matrix",
        description="Lint, types and tests over the interpreters; other options go to pytest.",
        allow_abbrev=False,
    )
    parser.add_argument("--legs", default=_LEGS, help=f"interpreter requests (default: {_LEGS})")
    parser.add_argument("--lint", action="store_true", help="lint and types only")
    options, pytest_options = parser.parse_known_args(argv)
    legs = options.legs.split()
    results: list[Result] = []
    environments = _prepare([] if options.lint else legs, results)
    try:
        linter = environments.get(LINT_LEG) or environment.ensure(LINT_LEG, dev=True)
    except UnavailableError as error:
        results.append(Result("lint and types", False, str(error), 0.0))
    else:
        results += [_run(name, linter, command) for name, command in _LINT]
    for leg, made in environments.items():
        results.append(_run(f"pytest {leg}", made, (*_PYTEST, *pytest_options)))
    rows = [
        (each.step, "passed" if each.passed else "FAILED", f"{each.seconds:.0f} s", each.said)
        for each in results
    ]
    _table(("step", "result", "time", "last line"), rows)
    return 0 if all(each.passed for each in results) else 1


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


def _run(step: str, made: Environment, words: Sequence[str]) -> Result:
    """Run Python in the environment, passing its output on as it comes."""
    print(f"\n==== {step} on {made.interpreter.version} ====", flush=True)
    begin = time.monotonic()
    said = ""
    with subprocess.Popen(
        [str(made.python), *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # A process group of its own, so that what a test may have left running ends with it.
        start_new_session=True,
    ) as process:
        timer = threading.Timer(_STEP_TIMEOUT, _end, [process])
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                said = line.strip("= \n") or said
            status = process.wait()
        finally:
            timer.cancel()
            _end(process)
    seconds = time.monotonic() - begin
    if seconds >= _STEP_TIMEOUT:
        said = f"took longer than {_STEP_TIMEOUT:.0f} s"
    return Result(step, status == 0 and seconds < _STEP_TIMEOUT, said, seconds)


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    print()
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        print("  ".join(cells).rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
