"""See that wrk, the load generator of the benchmarks, is installed."""

from __future__ import annotations

import shutil
import sys

from tools.pythons import cache, machine
from tools.pythons.errors import UnavailableError


def main() -> int:
    """Install Debian's wrk where it is missing and that is allowed; otherwise say how (1)."""
    if shutil.which("wrk") is None:
        try:
            machine.install(["wrk"], log=cache.root() / "logs" / "wrk")
        except UnavailableError as error:
            print(f"wrk is needed on PATH: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
