"""The command; see the package."""

import argparse
import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import Any

from experiments import report
from experiments.faults.cases import FAULTS
from experiments.faults.trial import trial
from experiments.harness import cpus, environment, publish
from experiments.harness.command import names
from experiments.harness.interpreters import FREE_THREADED, GIL, InterpreterError, Interpreters
from experiments.harness.paths import RESULTS
from experiments.harness.server import in_words
from experiments.options import MODES
from subsrv.bench.launch import LaunchError


def main(arguments: list[str] | None = None) -> int:
    """Try each fault in each mode; exit status 1 where a server did not start."""
    parser = argparse.ArgumentParser(prog="python -m experiments.faults", description=__doc__)
    parser.add_argument("--modes", type=names(MODES), default=list(MODES), metavar="LIST")
    known = list(FAULTS)
    parser.add_argument("--faults", type=names(known), default=known, metavar="LIST")
    parser.add_argument("--output", type=Path, help="instead of a new file in results/faults")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="add other modes to this file")
    options = parser.parse_args(arguments)
    # Crashes are many here, and nobody looks at their cores.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    about = environment.describe(cpus.split())
    result: dict[str, Any] = {"about": about, "runs": [], "failures": []}
    if options.resume:
        result = json.loads(options.resume.read_text())
    path = options.resume or options.output or publish.new_file(RESULTS, "faults", about)
    interpreters = Interpreters()
    for mode in options.modes:
        try:
            python = interpreters.get(FREE_THREADED if mode == "nogil" else GIL)
        except InterpreterError as error:
            result["failures"].append(f"{mode}: not had: {error}")
            continue
        for name in options.faults:
            try:
                facts = asyncio.run(trial(python.path, mode, FAULTS[name]))
            except LaunchError as error:
                result["failures"].append(f"{mode}, {name}: {in_words(error)}")
                continue
            result["runs"].append({"mode": mode, "python": python.name, "fault": name, **facts})
            print(json.dumps(result["runs"][-1]), flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    for failure in result["failures"]:
        print(failure, file=sys.stderr)
    if options.output is None:
        report.main([])
    return int(bool(result["failures"]))


if __name__ == "__main__":
    sys.exit(main())
