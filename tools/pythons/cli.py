"""The command line: prints the path of the interpreter and nothing else on standard output."""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Sequence

from . import cache, find, request, source, uv
from .errors import UnavailableError

_DESCRIPTION = """\
Find or make a CPython interpreter and print its path.

Routes, in order:
  installed   on PATH, in pyenv's versions folder, or fetched by uv before
  cache       made by an earlier run of this tool
  uv          uv downloads it (uv itself comes from PyPI)
  debian      a private folder made from Debian's packages, for builds with the GIL
  source      Debian's source of CPython, built here, for free-threaded builds
What is made lies in the user's cache folder, under subsrv.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Answer one request; exit status 0, 1 when it cannot be had, 2 for a bad command line."""
    parser = argparse.ArgumentParser(
        prog="python3 tools/pythons",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "request", help="3.14, 3.14t (free-threaded), or t (newest free-threaded that can be had)"
    )
    parser.add_argument("--json", action="store_true", help="print path, version, GIL and origin")
    parser.add_argument(
        "--from",
        dest="route",
        choices=sorted(find.ROUTES),
        help="take this route only; '3.13 --from source' is the GIL control of a 3.13t built so",
    )
    parser.add_argument(
        "--pgo", action="store_true", help="with --from source: optimise by profile (slow to build)"
    )
    parser.add_argument(
        "--refresh", action="store_true", help="forget that uv could not download today"
    )
    options = parser.parse_args(argv)
    if options.pgo and options.route != "source":
        parser.error("--pgo needs --from source")
    try:
        requests = request.parse(options.request)
    except ValueError as error:
        parser.error(str(error))
    if options.refresh:
        uv.forget()
    routes = dict(find.ROUTES)
    if options.route == "source":
        routes = {"source": functools.partial(source.make, pgo=options.pgo)}
    elif options.route:
        routes = {options.route: routes[options.route]}
    try:
        interpreter, passed_over = find.find(requests, routes)
    except UnavailableError as error:
        cache.say(str(error))
        return 1
    for line in passed_over:
        cache.say(line)
    print(json.dumps(interpreter.facts()) if options.json else interpreter.path)
    return 0
