"""Make every published table and plot from raw data, or with --check tell which one differs.

For each study: results/STUDY/README.md and its plots, from the newest raw data beside them, and
N-cpus.md with its own from those of a machine with N CPUs, where there are some of a smaller one;
the index results/README.md; and in the repository's own Markdown files what stands between
    <!-- generated: STUDY PART -->   and   <!-- end generated -->
where PART is the title of one of the study's tables, or "answer"; ", N CPUs" after it takes that of
such a machine.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from experiments import fuzzing, idling, studies
from experiments.compatibility import page as compatibility
from experiments.conformance import page as conformance
from experiments.exits import page as exits
from experiments.faults import page as faults
from experiments.harness import pages, record
from experiments.harness.data import Data
from experiments.harness.paths import REPOSITORY
from experiments.harness.publish import documents, fill, raw
from experiments.harness.record import Recording
from experiments.harness.study import Study
from experiments.isolates import page as isolates
from experiments.soak import page as soak
from experiments.swaps import page as swaps

_NOT_MEASURED = "*Not measured yet.*"
_MACHINE = re.compile(r"(?P<part>.+), (?P<n>\d+) CPUs")

#: What has a page and raw data of its own shape: nothing in it is measured in seconds or bytes.
_OTHERS = (compatibility, conformance, fuzzing, soak, swaps, idling, isolates, faults, exits)


def load(results: Path, study: str) -> list[Data]:
    """The newest data of a study from each size of machine, those with the fewest CPUs first."""
    found = {record.about(path)["cpu_count"]: path for path in raw(results, study)}
    return [Data(Recording.load(path), path) for _, path in sorted(found.items())]


def made(root: Path, each: Sequence[Study]) -> dict[Path, str]:
    """All that is generated under `root`, by file."""
    results = root / "results"
    loaded = {study.name: (study, load(results, study.name)) for study in each}
    found: dict[Path, str] = {}
    for study, runs in loaded.values():
        for name, content in pages.files(study, runs):
            found[results / study.name / name] = content
    for other in _OTHERS:
        found |= other.made(results)
    sections = [other.section(results) for other in _OTHERS]
    found[results / "README.md"] = pages.index(list(loaded.values()), sections)

    @cache
    def part(name: str, wanted: str) -> str:
        study, runs = loaded[name]
        if match := _MACHINE.fullmatch(wanted):
            wanted = match["part"]
            runs = [each for each in runs if each.cpus == int(match["n"])]
        return pages.part(study, runs[0], wanted) if runs else _NOT_MEASURED

    for path in documents(root):
        text = path.read_text()
        if (filled := fill(text, part)) != text or "<!-- generated:" in text:
            found[path] = filled
    return found


def orphans(root: Path, wanted: Mapping[Path, str]) -> list[Path]:
    """Generated files of studies that no longer make them."""
    results = root / "results"
    there = [
        path for kind in ("*.svg", "README.md", "*-cpus.md") for path in results.glob(f"*/{kind}")
    ]
    return sorted(path for path in there if path not in wanted)


def main(arguments: list[str] | None = None, root: Path = REPOSITORY) -> int:
    """Bring all of it up to date, or check it; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if any differs")
    check = parser.parse_args(arguments).check
    wanted = made(root, studies.load())
    differing = {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text
    }
    left = orphans(root, wanted)
    for path, text in differing.items():
        name = path.relative_to(root)
        if check:
            print(f"{name} differs from its raw data: run python -m experiments.report")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"{name} brought up to date")
    for path in left:
        print(f"{path.relative_to(root)} belongs to no study{'' if check else ': removed'}")
        if not check:
            path.unlink()
    return 1 if check and (differing or left) else 0


if __name__ == "__main__":
    sys.exit(main())
