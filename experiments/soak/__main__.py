"""The command; see the package."""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments import report
from experiments.harness import cpus, environment, publish
from experiments.harness.command import names, positive
from experiments.harness.interpreters import FREE_THREADED, GIL, InterpreterError, Interpreters
from experiments.harness.paths import RESULTS
from experiments.harness.server import Command, Server, in_words, subsrv
from experiments.options import MODES
from experiments.soak import watch
from experiments.soak.traffic import Traffic
from subsrv.bench.launch import LaunchError

_APP = "experiments.conformance.echo:asgi"
# Short, so that what is left behind is gone before the end.
_OPTIONS = ("--timeout-header", "10", "--timeout-body", "10", "--timeout-write", "5")
_WORKERS = 2
# How often descriptors are counted after the warm-up, each a tenth of a second after the last.
_LOOKS = 30


async def _soak(server: Server, seconds: float, seed: int) -> tuple[Traffic, list[watch.Look]]:
    """The traffic for so long, and looks at the server meanwhile."""
    traffic = Traffic(server.address, seed=seed)
    begun = time.monotonic()
    looks = [watch.look(server.pid, begun)]
    running = asyncio.create_task(traffic.run(seconds))
    while not running.done():
        await asyncio.wait([running], timeout=max(0.25, seconds / 60))
        looks.append(watch.look(server.pid, begun))
    await running
    return traffic, looks


def soak(python: str, mode: str, *, seconds: float, seed: int) -> dict[str, Any]:
    """One mode: what was found, and "failures", which is empty where nothing was wrong."""
    command = Command(words=subsrv(python, _APP, mode=mode, workers=_WORKERS, options=_OPTIONS))
    try:
        with Server(command) as server:
            # What is made at first use stays: both workers have to have served before.
            asyncio.run(Traffic(server.address, seed=seed).run(1.0))
            before = _idle(server.pid)
            traffic, looks = asyncio.run(_soak(server, seconds, seed + 1))
            after = watch.settled(server.pid, before)
            last = Traffic(server.address, seed=seed + 2)
            asyncio.run(last.run(0.5))
    except LaunchError as error:
        return {"failures": [in_words(error)]}
    outcome, grown = traffic.outcome, watch.grown(looks)
    failures = [*outcome.wrong[:20], *(f"stuck: {each}" for each in outcome.stuck[:20])]
    failures += [f"at the end: {each}" for each in (*last.outcome.wrong, *last.outcome.stuck)[:20]]
    if after > before:
        failures.append(f"{after} descriptors are open, {before} were before")
    if grown > watch.MOST_GROWN:
        failures.append(f"memory grew by {grown:.1f} MB")
    return {
        "failures": failures,
        "done": dict(outcome.done),
        "wrong": len(outcome.wrong),
        "stuck": len(outcome.stuck),
        "descriptors": [before, after],
        "grown_mb": round(grown, 2),
        "looks": [asdict(each) for each in looks],
    }


def _idle(pid: int) -> int:
    """Descriptors once the connections of the warm-up are gone: the least seen for a while."""
    least = watch.descriptors(pid)
    for _ in range(_LOOKS):
        time.sleep(0.1)
        least = min(least, watch.descriptors(pid))
    return least


def main(arguments: list[str] | None = None) -> int:
    """Soak every mode; exit status 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m experiments.soak", description=__doc__)
    parser.add_argument("--seconds", type=positive, default=300, help="over all modes")
    parser.add_argument("--modes", type=names(MODES), default=list(MODES), metavar="LIST")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="instead of a new file in results/soak")
    options = parser.parse_args(arguments)
    about = environment.describe(cpus.split())
    path = options.output or publish.new_file(RESULTS, "soak", about)
    interpreters = Interpreters()
    result: dict[str, Any] = {"about": about, "seconds": options.seconds, "modes": {}}
    for mode in options.modes:
        try:
            python = interpreters.get(FREE_THREADED if mode == "nogil" else GIL)
        except InterpreterError as error:
            found: dict[str, Any] = {"failures": [f"not had: {error}"]}
        else:
            seconds = options.seconds / len(options.modes)
            found = soak(python.path, mode, seconds=seconds, seed=options.seed)
            found["python"] = python.name
        result["modes"][mode] = found
        verdict = "; ".join(found["failures"]) or "nothing wrong"
        print(f"{mode}: {found.get('done', {})}: {verdict}", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.output is None:
        report.main([])
    return int(any(found["failures"] for found in result["modes"].values()))


if __name__ == "__main__":
    sys.exit(main())
