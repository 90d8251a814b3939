"""The main job, then and now: "Hello, world!" under the command of 2015, wrk -t1 -c256 -d30s.

Each point is one launch of the server: an application (the three bare interfaces, Flask, Django,
Starlette), a mode and a number of workers. The points run in a shuffled order, each is written to
the results file as soon as it is there, and one that fails is written with its failure. Points
that the file given by --resume has are not run again.
"""

import argparse
import json
import os
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments import report
from experiments.harness import environment, publish, wrk
from experiments.harness.contest import FAILURES, in_words
from experiments.harness.interpreters import Interpreter, InterpreterError, Interpreters
from experiments.harness.measure import measure
from experiments.harness.options import add_python, names, positive
from experiments.harness.paths import REPOSITORY, RESULTS
from experiments.harness.processes import memory
from experiments.harness.progress import Progress
from experiments.harness.server import Server, subsrv
from experiments.harness.verify import verify
from experiments.harness.workers import check_gil, states

APPS = {
    "native": "experiments.apps.hello:native",
    "asgi": "experiments.apps.hello:asgi",
    "wsgi": "experiments.apps.hello:wsgi",
    "flask": "experiments.apps.flask_app:app",
    "django": "experiments.apps.django_app:app",
    "starlette": "experiments.apps.starlette_app:app",
}
# A mode and whether its interpreter is a free-threaded one: threads are measured on both.
MODES = {
    "interp": ("interp", False),
    "nogil": ("nogil", True),
    "thread": ("thread", False),
    "thread-t": ("thread", True),
    "process": ("process", False),
}
_START_METHOD = "spawn"
_WARM_UP = wrk.Load(duration=1)


@dataclass(frozen=True, slots=True)
class Point:
    """What one launch measures."""

    app: str
    mode: str
    free_threaded: bool
    workers: int
    round: int

    def measured_in(self, raw: dict[str, Any]) -> bool:
        """Whether the raw data have this point already."""
        key = asdict(self)
        return any({name: point[name] for name in key} == key for point in raw["points"])


def _measure(point: Point, python: Interpreter, load: wrk.Load) -> dict[str, Any]:
    """One launch. Any of FAILURES if it cannot be had whole."""
    options = ("--start-method", _START_METHOD) if point.mode == "process" else ()
    command = subsrv(
        python.path, APPS[point.app], mode=point.mode, workers=point.workers, options=options
    )
    with Server(command) as server:
        found: dict[str, Any] = {
            "ready": server.ready,
            "seconds_to_ready": server.seconds_to_ready,
            "memory_ready": asdict(memory(server.pid)),
            "before": states(server, point.workers),
        }
        size = len(verify(server))
        found["warm_up"] = measure(server, _WARM_UP, response_size=size).record()
        found |= measure(server, load, response_size=size).record()
        found["memory_after"] = asdict(memory(server.pid))
        found["after"] = states(server, point.workers)
        verify(server)
    check_gil(point.mode, found["before"] + found["after"])
    return found


def _choose(interpreters: Interpreters, *, free_threaded: bool) -> Interpreter | InterpreterError:
    """The interpreter; the error, to be recorded, where it cannot be had."""
    try:
        return interpreters.choose(free_threaded=free_threaded)
    except InterpreterError as error:
        return error


def run(raw: dict[str, Any], points: list[Point], interpreters: Interpreters, path: Path) -> None:
    """Measure the points that `raw` lacks, and write it after each of them."""
    load = wrk.Load(duration=raw["settings"]["duration"])
    environments = {
        kind: _choose(interpreters, free_threaded=kind)
        for kind in {point.free_threaded for point in points}
    }
    for kind, python in environments.items():
        if isinstance(python, Interpreter):
            about = {"name": python.name, **python.facts}
            raw["interpreters"]["free_threaded" if kind else "gil"] = about
    todo = [point for point in points if not point.measured_in(raw)]
    progress = Progress(len(todo))
    for point in todo:
        progress.step(f"hello: {point.app}, {point.mode}, {point.workers} worker(s)")
        python = environments[point.free_threaded]
        record = {
            **asdict(point),
            "python": python.name if isinstance(python, Interpreter) else None,
            "start_method": _START_METHOD if point.mode == "process" else None,
            "begun": time.time(),
        }
        try:
            if isinstance(python, InterpreterError):
                raise python
            record |= _measure(point, python, load)
        except FAILURES as error:
            record["failure"] = in_words(error)
        raw["points"].append(record)
        raw["load_average_after"] = os.getloadavg()
        publish.write(path, raw)
    progress.end()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.hello",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--apps", type=names(tuple(APPS)), default=tuple(APPS), metavar="LIST", help=", ".join(APPS)
    )
    add(
        "--modes",
        type=names(tuple(MODES)),
        default=tuple(MODES),
        metavar="LIST",
        help=f"{', '.join(MODES)} (thread-t: thread mode on the free-threaded interpreter)",
    )
    add("--workers", type=names(("1", "2", "3", "4")), default=("1", "2"), metavar="LIST")
    add_python(parser)
    add("--duration", type=positive, default=30, metavar="SECONDS", help="default: 30, as in 2015")
    add("--rounds", type=positive, default=1, metavar="N", help="launches of each configuration")
    add("--quick", action="store_true", help="one second a point")
    add("--seed", type=int, help="for the order of the points (default: random)")
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help="raw data (default: a new file in results/hello)",
    )
    add("--resume", type=Path, metavar="FILE", help="go on with this file, and its settings")
    return parser


def _begin(args: argparse.Namespace) -> dict[str, Any]:
    """Raw data without points: where and how they will be measured."""
    duration = 1 if args.quick else args.duration
    return {
        "study": "hello",
        "environment": environment.describe(),
        "settings": {
            "command": " ".join(wrk.Load(duration=duration).command("URL")),
            "duration": duration,
            "rounds": args.rounds,
            "seed": random.randrange(10_000) if args.seed is None else args.seed,
            "apps": args.apps,
            "modes": [MODES[name] for name in args.modes],
            "workers": [int(number) for number in args.workers],
        },
        "interpreters": {},
        "points": [],
    }


def _points(settings: dict[str, Any]) -> list[Point]:
    """Every point, each round shuffled by itself."""
    order = random.Random(settings["seed"])
    points = []
    for number in range(1, settings["rounds"] + 1):
        turn = [
            Point(app, mode, free_threaded, workers, number)
            for app in settings["apps"]
            for mode, free_threaded in settings["modes"]
            for workers in settings["workers"]
        ]
        order.shuffle(turn)
        points += turn
    return points


def _new_file(raw: dict[str, Any], *, quick: bool) -> Path:
    """A file for raw data; that of a smoke run is not among the results."""
    if not quick:
        return publish.new_file(RESULTS, "hello", raw["environment"])
    path = REPOSITORY / "build" / "hello-quick.json"
    path.parent.mkdir(exist_ok=True)
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run the study and bring its tables up to date; returns the exit status."""
    args = _parser().parse_args(arguments)
    try:
        wrk.version()
        interpreters = Interpreters.parse(args.python)
    except (wrk.WrkError, InterpreterError) as error:
        print(f"hello: {error}", file=sys.stderr)
        return 1
    raw = json.loads(args.resume.read_text()) if args.resume else _begin(args)
    if raw["environment"]["commit"] != environment.commit():
        print("hello: what is there was measured on another commit", file=sys.stderr)
        return 1
    path = args.resume or args.output or _new_file(raw, quick=args.quick)
    try:
        run(raw, _points(raw["settings"]), interpreters, path)
    except KeyboardInterrupt:
        print(f"\nhello: interrupted; go on with --resume {path}", file=sys.stderr)
        return 130
    failures = sum("failure" in point for point in raw["points"])
    print(f"{len(raw['points'])} points, {failures} of them failures: {path}")
    return report.main([])


if __name__ == "__main__":
    sys.exit(main())
