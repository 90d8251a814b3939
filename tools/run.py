"""Run Python with an interpreter of the matrix, in its environment, made first where needed.

``python3 -m tools.run [--dev] [--with PACKAGES] 3.14 -m subsrv --mode interp``
"""

from __future__ import annotations

import argparse
import os
import sys

from tools import environment
from tools.pythons.errors import UnavailableError


def main() -> None:
    """Become that Python; end with status 1 if it cannot be had, 2 for a bad command line."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.run", description=__doc__)
    parser.add_argument("--dev", action="store_true", help="with the development dependencies")
    parser.add_argument("--with", dest="packages", default="", help="packages to install first")
    parser.add_argument("request", help="3.14, 3.14t, or t")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="Python's own arguments")
    options = parser.parse_args()
    try:
        made = environment.ensure(options.request, dev=options.dev)
        if options.packages:
            environment.install(made, options.packages.split())
    except ValueError as error:
        parser.error(str(error))
    except UnavailableError as error:
        sys.exit(str(error))
    # In place of this process: signals reach the server, and its exit status is what is seen.
    os.execv(made.python, [str(made.python), *options.words])


if __name__ == "__main__":
    main()
