"""Which packages load in isolates? `python -m experiments.compatibility [--legs 3.14,3.15,t]`.

Goes on where it was interrupted: results/compatibility/records.json is written after each package.
"""

import argparse
import json
import sys
from typing import Any

from experiments.compatibility.packages import PACKAGES
from experiments.compatibility.page import records_file
from experiments.compatibility.trying import attempt
from experiments.harness.paths import RESULTS
from tools.pythons import cache, request
from tools.pythons.errors import UnavailableError
from tools.pythons.find import find

_LEGS = "3.14,3.15,t"


def main() -> int:
    """Try what has not been tried; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.compatibility",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("packages", nargs="*", help="these alone, even if they have been tried")
    parser.add_argument("--legs", default=_LEGS, help=f"interpreters (default: {_LEGS})")
    parser.add_argument("--renew", action="store_true", help="all of it again")
    options = parser.parse_args()
    if unknown := sorted(set(options.packages) - set(PACKAGES)):
        parser.error(f"not in packages.py: {', '.join(unknown)}")
    path = records_file(RESULTS)
    records: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    for leg in options.legs.split(","):
        try:
            interpreter, _ = find(request.parse(leg))
        except (UnavailableError, ValueError) as error:
            print(f"{leg}: {error}", file=sys.stderr)
            return 1
        of_leg = records.setdefault(leg, {})
        for package in options.packages or PACKAGES:
            if package in of_leg and not options.renew and not options.packages:
                continue
            of_leg[package] = attempt(package, PACKAGES[package], interpreter)
            cache.write(path, _dumps(records))
            print(f"{leg} {package}: {_state(of_leg[package])}", flush=True)
    return 0


def _dumps(records: dict[str, dict[str, Any]]) -> str:
    """A line for each package, so that a difference shows what has changed."""
    legs = []
    for leg, of_leg in sorted(records.items()):
        lines = (f"{json.dumps(name)}: {json.dumps(of_leg[name])}" for name in sorted(of_leg))
        legs.append(f"{json.dumps(leg)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{" + ",\n".join(legs) + "}\n"


def _state(record: dict[str, Any]) -> str:
    if "unavailable" in record:
        return "not had"
    return ", ".join(f"{mode} {each['state']}" for mode, each in record["verdicts"].items())


if __name__ == "__main__":
    sys.exit(main())
