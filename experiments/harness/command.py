"""The command line that every study has: `python -m experiments.NAME`."""

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.harness import cpus, environment, publish, study
from experiments.harness.data import Data
from experiments.harness.interpreters import InterpreterError, Interpreters
from experiments.harness.pages import terminal
from experiments.harness.paths import BUILD, RESULTS
from experiments.harness.record import Recording
from experiments.harness.study import Option, Study
from subsrv.bench.wrk import WrkError

UNFINISHED = 3
INTERRUPTED = 130  # what a shell reports for SIGINT


def names(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    """An argparse type: names separated by commas, of `allowed`; without any, whole numbers."""

    def parse(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        known = allowed or [name for name in found if name.isdecimal() and int(name)]
        unknown = ", ".join(name for name in found if name not in known)
        if unknown or not found:
            wanted = ", ".join(allowed) or "whole numbers above zero"
            raise argparse.ArgumentTypeError(f"{unknown or 'nothing'}: want {wanted}")
        return found

    return parse


def positive(text: str) -> int:
    """An argparse type: a whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: must be at least 1")
    return number


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options that every study has. None stands for what the study itself prefers."""
    add = parser.add_argument
    add(
        "--only",
        action="append",
        metavar="TEXT",
        help="only configurations with this in their label; repeatable",
    )
    add("--rounds", type=positive, metavar="N", help="launches of each configuration")
    add("--values", type=positive, metavar="N", help="values that a launch measures")
    add("--seconds", type=positive, metavar="N", help="length of a value")
    add("--quick", action="store_true", help="one launch each, one value of one second: a trial")
    add("--seed", type=int, metavar="N", help="for the order of the launches (default: random)")
    add(
        "--python",
        action="append",
        default=[],
        metavar="[LEG=]PATH",
        help="interpreter to measure; repeatable, to give one with a GIL and a free-threaded one "
        "(default: the one that runs this, and 3.14 or the newest free-threaded as the other)",
    )
    add(
        "--client-cpus",
        type=positive,
        metavar="N",
        help="CPUs for the client alone (default: a quarter of the cores, from four CPUs on)",
    )
    add("--output", "--json", type=Path, metavar="FILE", help="where raw data go")
    add("--resume", type=Path, metavar="FILE", help="go on with this file, and its settings")
    add("--minutes", type=float, metavar="N", help="stop after about so many; --resume goes on")
    add("--list", action="store_true", help="show the configurations and the time, and end")
    add("--check", action="store_true", help="fail where a target is missed")


def parser(each: Study) -> argparse.ArgumentParser:
    """The study's own command line."""
    launches, minutes = study.expected(each, each.defaults())
    made = argparse.ArgumentParser(
        prog=f"python -m experiments.{each.name}",
        description=f"{each.title}\n\n{each.question}\n\n"
        f"About {minutes:.0f} minutes: {launches} launches.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option in each.options:
        _add(made, option)
    add_common(made)
    return made


def _add(made: argparse.ArgumentParser, option: Option) -> None:
    default = ",".join(option.default)
    allowed = f"{', '.join(option.allowed)}; " if option.allowed else ""
    made.add_argument(
        f"--{option.name}",
        type=names(option.allowed),
        default=list(option.default),
        metavar="LIST",
        help=f"{option.help} ({allowed}default: {default})",
    )


def settings(each: Study, args: argparse.Namespace) -> dict[str, Any]:
    """What a run is made from, whole: it goes into the raw data, and --resume reads it there."""
    found = each.defaults()
    if args.quick:
        found |= {"rounds": 1, "values": 1, "seconds": 1, "warm_up": 0}
    for name in ("rounds", "values", "seconds", "only"):
        if getattr(args, name) is not None:
            found[name] = getattr(args, name)
    for option in each.options:
        found[option.name] = getattr(args, option.name)
    found["seed"] = random.randrange(10_000) if args.seed is None else args.seed
    return found


def main(each: Study, arguments: list[str] | None = None) -> int:
    """Run a study from its command line; returns the exit status."""
    made = parser(each)
    args = made.parse_args(arguments)
    return conduct(each, args, folder=None if args.quick else RESULTS)


def conduct(each: Study, args: argparse.Namespace, *, folder: Path | None) -> int:
    """Run a study, print what it found, and return the exit status.

    Raw data go to --output, else into the study's part of `folder`, else into build/.
    """
    try:
        split = cpus.split(client=args.client_cpus)
        if args.list:
            return _list(each, settings(each, args))
        interpreters = Interpreters.parse(args.python)
        recording = (
            Recording.load(args.resume)
            if args.resume
            else study.begin(each, settings(each, args), split)
        )
    except (WrkError, InterpreterError, OSError, KeyError, ValueError) as error:
        print(f"{each.name}: {error}", file=sys.stderr)
        return 1
    if recording.about["subsrv_commit"] != environment.commit():
        print(f"{each.name}: what is there was measured on another commit", file=sys.stderr)
        return 1
    if recording.about["cpus_client"] != cpus.ranges(split.client):
        print(f"{each.name}: what is there was measured on other CPUs", file=sys.stderr)
        return 1
    path = args.resume or args.output or _new_file(recording, folder)
    launches, minutes = study.expected(each, recording.settings)
    print(f"{each.name}: {launches} launches, about {minutes:.0f} min, {path}", file=sys.stderr)
    try:
        left = study.run(each, recording, path, interpreters, split, minutes=args.minutes)
    except KeyboardInterrupt:
        print(f"\n{each.name}: interrupted; go on with --resume {path}", file=sys.stderr)
        return INTERRUPTED
    if left:
        print(f"{each.name}: {left} launches left; go on with --resume {path}", file=sys.stderr)
        return UNFINISHED
    data = Data(recording, path)
    print(terminal(each, data))
    missed = any(not target.met for target in each.targets(data))
    return 1 if data.failures() or (args.check and missed) else 0


def _list(each: Study, found: dict[str, Any]) -> int:
    for configuration in study.chosen(each, found):
        print(configuration.label)
    launches, minutes = study.expected(each, found)
    print(f"{launches} launches, about {minutes:.0f} minutes")
    return 0


def _new_file(recording: Recording, folder: Path | None) -> Path:
    if folder is not None:
        return publish.new_file(folder, recording.study, recording.about)
    BUILD.mkdir(exist_ok=True)
    return BUILD / f"{recording.study}.json"
