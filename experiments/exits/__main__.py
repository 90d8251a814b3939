"""The command; see the package."""

import argparse
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from experiments import report
from experiments.exits.ends import ENDS, End
from experiments.exits.page import statuses
from experiments.harness import cpus, environment, publish
from experiments.harness.command import names, positive
from experiments.harness.interpreters import InterpreterError, Interpreters
from experiments.harness.paths import REPOSITORY, RESULTS, scrub
from experiments.harness.server import subsrv
from experiments.options import MODES

_APP = "experiments.apps.imports:app"
_WORKERS = 3
_REQUESTS = 6  # on connections of their own, so that each worker serves
_PATIENCE = 30.0  # seconds
_PYTHONS = ("3.13", "3.14", "3.15", "t")
_KEPT = 5  # logs of exits that were not clean, of one cell


def once(python: str, mode: str, end: End) -> tuple[str, str]:
    """One start and stop: how it ended, "0" if it was clean, and its log if not."""
    words = subsrv(python, _APP, mode=mode, workers=_WORKERS, options=("--graceful-timeout", "5"))
    process = subprocess.Popen(
        (words[0], "-X", "faulthandler", *words[1:]),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    try:
        url = _wait(process, said, ": ready http://")
        _visit(url.partition("http://")[2].split()[0])
        end(process.pid, lambda text: _wait(process, said, text))
        _, rest = process.communicate(timeout=_PATIENCE)
        said.append(rest)
    except (subprocess.TimeoutExpired, OSError, EOFError) as error:
        said.append(f"{error!r}")
        return f"failed: {type(error).__name__}", scrub("".join(said))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    status, log = process.returncode, "".join(said)
    noisy = "Traceback" in log or "Fatal" in log or "Exception ignored" in log
    return f"{status}{', with errors in the log' if noisy else ''}", scrub(log)


def _wait(process: subprocess.Popen[str], said: list[str], text: str) -> str:
    """The next line of the log with this text. EOFError at its end."""
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if text in line:
            return line
    raise EOFError(f"it ended with {process.wait(_PATIENCE)} before it said {text!r}")


def _visit(address: str) -> None:
    for _ in range(_REQUESTS):
        connection = HTTPConnection(address, timeout=_PATIENCE)
        connection.request("GET", "/")
        body = connection.getresponse().read()
        connection.close()
        if b"tls" not in body:
            raise EOFError(f"not the answer: {body!r}")


def _cells(pythons: list[str], modes: list[str]) -> Iterator[tuple[str, str]]:
    """Interpreter and mode: a build with a GIL has no nogil."""
    for python in pythons:
        for mode in modes:
            if mode != "nogil" or python.endswith("t"):
                yield python, mode


def main(arguments: list[str] | None = None) -> int:
    """Start and stop; exit status 1 if anything was not clean."""
    parser = argparse.ArgumentParser(prog="python -m experiments.exits", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--times", type=positive, default=200, help="in each mode")
    parser.add_argument("--modes", type=names(MODES), default=list(MODES), metavar="LIST")
    parser.add_argument("--pythons", default=",".join(_PYTHONS), metavar="LIST")
    parser.add_argument("--seconds", type=positive, metavar="N", help="go on later; see --resume")
    parser.add_argument("--output", type=Path, help="instead of a new file in results/exits")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="add to this file")
    options = parser.parse_args(arguments)
    deadline = time.monotonic() + (options.seconds or float("inf"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    result = _begun(options.resume)
    path = options.resume or options.output or publish.new_file(RESULTS, "exits", result["about"])
    interpreters = Interpreters()
    for wanted, mode in _cells(options.pythons.split(","), options.modes):
        try:
            python = interpreters.get(wanted)
        except InterpreterError as error:
            result["failures"] = sorted({*result["failures"], f"{wanted}: not had: {error}"})
            continue
        cell = result["cells"].setdefault(f"{python.name} {mode}", {"ends": {}, "logs": []})
        for turn in range(statuses(cell).total(), options.times):
            if time.monotonic() > deadline:
                break
            name = list(ENDS)[turn % len(ENDS)]
            status, log = once(python.path, mode, ENDS[name])
            counts = cell["ends"].setdefault(name, {})
            counts[status] = counts.get(status, 0) + 1
            if status != "0" and len(cell["logs"]) < _KEPT:
                cell["logs"].append(f"{name}: {status}: {log[-2000:]}")
        print(f"{python.name} {mode}: {cell['ends']}", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.output is None and options.resume is None:
        report.main([])
    unclean = [each for each in result["cells"].values() if statuses(each).keys() - {"0"}]
    return int(bool(unclean or result["failures"]))


def _begun(path: Path | None) -> dict[str, Any]:
    """What there is in this file, or nothing yet."""
    if path is not None:
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    return {"about": environment.describe(cpus.split()), "cells": {}, "failures": []}


if __name__ == "__main__":
    sys.exit(main())
