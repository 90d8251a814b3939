"""Options of the server in the command lines of `subsrv bench` and `subsrv check`."""

import argparse
from collections.abc import Iterable
from typing import Any

from subsrv.config import OPTIONS, Kind, flag


def add(parser: argparse.ArgumentParser, title: str, names: Iterable[str]) -> None:
    """Add the APP, and under `title` the options of these `names`, spelled as the server's are."""
    parser.add_argument("app", metavar="APP", help=OPTIONS["app"].help.partition(" (")[0])
    group = parser.add_argument_group(f"{title} (see subsrv --help)")
    for name in names:
        spelling = flag(name)
        if OPTIONS[name].kind is Kind.FLAG:
            group.add_argument(spelling, action="store_true")
        else:
            group.add_argument(spelling, metavar="|".join(OPTIONS[name].choices) or None)


def given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Those that were given, by their spelling."""
    return {flag(name): value for name in names if (value := getattr(options, name))}
