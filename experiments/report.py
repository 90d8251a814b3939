"""Generate every published table from raw data, or with --check tell which one differs from it.

A table stands in a Markdown file (of results/, or the repository's own) between the markers
    <!-- generated: STUDY TABLE -->   and   <!-- end generated -->
and is made from the newest raw data in results/STUDY.
"""

import argparse
import importlib
import json
import sys
from functools import cache, partial
from pathlib import Path

from experiments.harness.paths import REPOSITORY
from experiments.harness.publish import documents, fill, newest


def generate(results: Path, study: str, table: str) -> str:
    """The Markdown of one table. KeyError and ImportError where there is no such table or study."""
    make = importlib.import_module(f"experiments.tables.{study}").TABLES[table]
    path = newest(results, study)
    if path is None:
        return "*Not measured yet.*"
    return f"{make(json.loads(path.read_text()))}\n\n*Raw data: {path.parent.name}/{path.name}*"


def outdated(root: Path) -> dict[Path, str]:
    """The files whose tables differ from their raw data, with the text that they should have."""
    made = cache(partial(generate, root / "results"))
    found = {}
    for path in documents(root):
        text = path.read_text()
        wanted = fill(text, made)
        if wanted != text:
            found[path] = wanted
    return found


def main(arguments: list[str] | None = None, root: Path = REPOSITORY) -> int:
    """Bring the tables up to date, or check them; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if any differs")
    check = parser.parse_args(arguments).check
    differing = outdated(root)
    for path, text in differing.items():
        name = path.relative_to(root)
        if check:
            print(f"{name} differs from its raw data: run python -m experiments.report")
        else:
            path.write_text(text)
            print(f"{name} brought up to date")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
