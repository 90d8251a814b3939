"""The command; see the package."""

import argparse
import sys

from experiments.harness.interpreters import GIL, InterpreterError, Interpreters
from experiments.instructions.report import report


def main(arguments: list[str] | None = None) -> int:
    """Count, and compare or keep; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.instructions",
        description=sys.modules["experiments.instructions"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="paths with this in their name")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="[LEG=]PATH",
        help="interpreter to count in (default: the one that runs this)",
    )
    parser.add_argument(
        "--mode",
        choices=["process", "interp"],
        default="process",
        help="what the worker is; what is kept are the counts of a process (default: process)",
    )
    parser.add_argument("--write", action="store_true", help="keep these counts, for this build")
    args = parser.parse_args(arguments)
    if args.write and args.mode != "process":
        parser.error("--write keeps the counts of a process")
    interpreters = Interpreters.parse(args.python)
    try:
        python = interpreters.get(next(iter(interpreters.given), GIL))
    except InterpreterError as error:
        print(error, file=sys.stderr)
        return 1
    return report(python, wanted=args.only, mode=args.mode, write=args.write)


if __name__ == "__main__":
    sys.exit(main())
