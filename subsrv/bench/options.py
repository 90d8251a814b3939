"""How the command lines of this package read numbers and lists, and tell what is wrong."""

import argparse
from collections.abc import Callable

from subsrv import parser
from subsrv.config import did_you_mean


class Parser(parser.Parser):
    """The same, with the epilog as it is written, and no abbreviations."""

    def __init__(self, prog: str, *, usage: str | None = None, description: str, epilog: str):
        super().__init__(
            prog,
            usage,
            description,
            epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )


def seconds(text: str) -> float:
    """A duration or a rate: a number above zero."""
    return _number(text, float, 0.0, "a number above 0")


def count(text: str) -> int:
    """A whole number from one on."""
    return _number(text, int, 1, "a whole number from 1 on")


def whole(text: str) -> int:
    """A whole number from zero on."""
    return _number(text, int, 0, "a whole number from 0 on")


def _number[T: (int, float)](text: str, kind: type[T], least: T, rule: str) -> T:
    try:
        number = kind(text)
    except ValueError:
        number = kind(-1)
    # Negated, so that NaN fails, too. What is larger than the most makes no sense anywhere here.
    if not least <= number <= 1e9 or (kind is float and number == 0):
        raise argparse.ArgumentTypeError(f"must be {rule}, not {text!r}")
    return number


def counts(text: str) -> tuple[int, ...]:
    """Numbers separated by commas, each once: "1,2,4"."""
    return tuple(dict.fromkeys(count(part.strip()) for part in text.split(",")))


def names(allowed: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """An argparse type: names separated by commas, each one of `allowed`."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
        for name in found:
            if name not in allowed:
                raise argparse.ArgumentTypeError(
                    f"must be of {', '.join(allowed)}, not {name!r}{did_you_mean(name, allowed)}"
                )
        return found

    return parse
