"""The counts that are kept, and what has changed since."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.harness.table import Table
from experiments.instructions.callgrind import Counts

FILE = Path(__file__).with_name("baseline.json")

TOLERANCE = 0.05
"""The share by which a path may grow before it is an error."""

# Of one system call more than before in as many requests it is told.
_CALLS = 0.03

type Paths = dict[str, Counts]


def build(facts: Mapping[str, Any], valgrind: str) -> str:
    """What counts may be compared with each other: those of one build and one valgrind.

    `facts` are an interpreter's; those of its packages do not matter.
    """
    parts = [facts[name] for name in ("version", "free_threaded", "compiler", "configure", "jit")]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:6]
    threads = "t" if facts["free_threaded"] else ""
    return f"CPython {facts['version']}{threads}/{digest}, {facts['compiler']}, {valgrind}"


def read(file: Path = FILE) -> dict[str, Paths]:
    """The counts that are kept, by build and path."""
    kept = json.loads(file.read_text()) if file.exists() else {}
    return {
        name: {path: Counts(each["instructions"], each["calls"]) for path, each in paths.items()}
        for name, paths in kept.items()
    }


def write(name: str, counted: Paths, file: Path = FILE) -> None:
    """Keep these counts of a build, beside what is kept of its other paths and of others."""
    kept = read(file)
    kept[name] = {**kept.get(name, {}), **counted}
    plain = {
        build_name: {
            path: {
                "instructions": round(counts.instructions),
                "calls": dict(sorted(_calls(counts).items())),
            }
            for path, counts in paths.items()
        }
        for build_name, paths in sorted(kept.items())
    }
    file.write_text(json.dumps(plain, indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class Change:
    """One path, now and before; None where it was not counted then."""

    path: str
    now: Counts
    before: Counts | None

    @property
    def share(self) -> float:
        """By how much it has grown: 0.05 for five per cent, to the tenth of one."""
        if self.before is None:
            return 0.0
        return round(self.now.instructions / self.before.instructions - 1, 3)

    @property
    def faults(self) -> list[str]:
        """What is worse than it may be."""
        found: list[str] = []
        if self.before is None:
            return found
        if self.share > TOLERANCE:
            found.append(
                f"{self.path}: {self.now.instructions:,.0f} instructions a request, "
                f"{self.share:.1%} more than the {self.before.instructions:,.0f} of before"
            )
        for name, count in sorted(_calls(self.now).items()):
            before = self.before.system_calls.get(name, 0.0)
            if count > before + _CALLS:
                found.append(
                    f"{self.path}: {name} {count:.2f} times a request, before {before:.2f}"
                )
        return found


def compare(counted: Paths, before: Paths) -> list[Change]:
    """Every path that was counted, beside what it took before."""
    return [Change(path, counts, before.get(path)) for path, counts in counted.items()]


def table(changes: Sequence[Change]) -> Table:
    """All paths, for people."""
    rows = [
        (
            change.path,
            f"{change.now.instructions:,.0f}",
            f"{change.before.instructions:,.0f}" if change.before else "",
            f"{change.share:+.1%}" if change.before else "new",
            ", ".join(f"{name} {count:.4g}" for name, count in sorted(_calls(change.now).items())),
        )
        for change in changes
    ]
    return Table(("path", "instructions", "before", "change", "system calls"), rows)


def _calls(counts: Counts) -> dict[str, float]:
    """All but what is shared by many requests: the wait for those of a batch."""
    return {
        name: round(count, 2)
        for name, count in counts.system_calls.items()
        if round(count, 2) >= _CALLS
    }
