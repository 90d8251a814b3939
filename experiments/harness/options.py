"""Command-line options that several experiments have."""

import argparse
from collections.abc import Callable

MODES = ("interp", "nogil", "thread", "process")
INTERFACES = ("native", "asgi", "wsgi")


def names(allowed: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """An argparse type: names separated by commas, each one of `allowed`."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(name for name in text.split(",") if name)
        unknown = ", ".join(name for name in found if name not in allowed)
        if unknown or not found:
            raise argparse.ArgumentTypeError(f"{unknown or 'nothing'}: not of {', '.join(allowed)}")
        return found

    return parse


def positive(text: str) -> int:
    """An argparse type: a whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: must be at least 1")
    return number


def add_python(parser: argparse.ArgumentParser) -> None:
    """Add `--python`, whose values `Interpreters.parse` reads."""
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="[LEG=]PATH",
        help="interpreter to measure; repeatable, to give one with a GIL and a free-threaded one "
        "(default: the one that runs this, and 3.14 or the newest free-threaded as the other)",
    )
