"""The benchmark of your machine: `make bench`, in about two minutes.

Sections: overhead (one worker: native, ASGI and WSGI hello, beside a responder in C, and what
--control and --access-log add), instructions (how many a request takes on each of the main paths,
beside what they took before), scaling (two workers against one on CPU-bound work), nogil (does a
request cost more with two no-GIL workers?) and memory (what one more worker takes). All but
instructions are studies of their own, run shorter; options of those are taken too:
`--section memory --modes interp`. Without a section, overhead and instructions.
"""

import argparse
import sys
from dataclasses import dataclass, replace

from experiments import studies
from experiments.harness import command
from experiments.harness.configuration import Timing
from experiments.harness.interpreters import GIL, Interpreters
from experiments.harness.paths import RESULTS
from experiments.instructions.report import report


@dataclass(frozen=True, slots=True)
class _Section:
    """A study, and how it is run here."""

    study: str
    rounds: int
    timing: Timing
    options: tuple[str, ...] = ()


_SHORT = Timing(warm_up=1, values=1, seconds=1)

SECTIONS = {
    "overhead": _Section("overhead", 3, _SHORT),
    "scaling": _Section("scaling", 3, _SHORT),
    "nogil": _Section("sharing", 3, _SHORT),
    "memory": _Section("memory", 3, replace(_SHORT, warm_up=0)),
}

INSTRUCTIONS = "instructions"
_DEFAULT = ("overhead", INSTRUCTIONS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--section",
        action="append",
        choices=(*SECTIONS, INSTRUCTIONS),
        help=f"what to run; repeatable (default: {' and '.join(_DEFAULT)})",
    )
    parser.add_argument(
        "--publish", action="store_true", help="put the raw data into results, not into build"
    )
    command.add_common(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen sections, print them, and return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    given, _ = _parser().parse_known_args(arguments)
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--section", action="append")
    own.add_argument("--publish", action="store_true")
    _, rest = own.parse_known_args(arguments)
    status = 0
    for name in given.section or _DEFAULT:
        if name == INSTRUCTIONS:
            if not given.list:
                python = Interpreters.parse(given.python).get(GIL)
                status = max(status, report(python))
            continue
        section = SECTIONS[name]
        study = replace(studies.get(section.study), rounds=section.rounds, timing=section.timing)
        args = command.parser(study).parse_args([*section.options, *rest])
        folder = RESULTS if given.publish else None
        status = max(status, command.conduct(study, args, folder=folder))
    return status


if __name__ == "__main__":
    sys.exit(main())
