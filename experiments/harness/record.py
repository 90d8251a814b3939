"""Raw data: pyperf's JSON, with what pyperf has no place for under one key of its own.

Each metric of each configuration is a pyperf benchmark, named "LABEL: METRIC"; each launch is one
run in every benchmark of its label. So `python -m pyperf show`, `stats` and `compare_to` read these
files. Under the key "study", which pyperf passes over, stand the settings, the configurations, the
interpreters, and the failures with their reasons: a launch that failed has no run, for pyperf takes
no value that is not above zero, and no failure shall pass for a figure.
"""

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import pyperf  # type: ignore[import-untyped]

from experiments.harness.launch import Launch, Series

_SEPARATOR = ": "
_KEY = "study"
_LAUNCH, _ROUND = "launch", "round"
_DIGITS = 6  # significant ones: more than any clock here is good for


class Recording:
    """The launches of one study, and all that is known of where they ran.

    Attributes:
      study: its name.
      settings: what its configurations were made from, the seed among it.
      about: metadata of all launches.
      configurations: the facts of each label, in order; the twin's among them.
      builds: all facts of the interpreters, by the name that metadata use.
      launches: in the order in which they ran.
    """

    def __init__(
        self,
        study: str,
        *,
        settings: dict[str, Any],
        about: dict[str, Any],
        configurations: dict[str, dict[str, Any]],
    ) -> None:
        self.study = study
        self.settings = settings
        self.about = about
        self.configurations = configurations
        self.builds: dict[str, dict[str, Any]] = {}
        self.launches: list[Launch] = []

    def failed(self, label: str) -> list[Launch]:
        """The launches of a configuration that failed."""
        return [each for each in self.launches if each.label == label and each.failure]

    def has(self, label: str, round_: int) -> bool:
        """Whether this launch has run, well or not."""
        return any((each.label, each.round) == (label, round_) for each in self.launches)

    def suite(self) -> Any:
        """The launches that did not fail as a pyperf.BenchmarkSuite; None if there are none."""
        runs: dict[str, list[Any]] = {}
        for each in self.launches:
            for metric, series in each.series.items():
                name = f"{each.label}{_SEPARATOR}{metric}"
                if run := self._run(name, each, series):
                    runs.setdefault(name, []).append(run)
        if not runs:
            return None
        return pyperf.BenchmarkSuite([pyperf.Benchmark(each) for each in runs.values()])

    def _run(self, name: str, launch: Launch, series: Series) -> Any:
        """One launch as a run; None where a value is zero, such as that of an event that never was.

        pyperf takes values above zero only, and the other launches' would then not be comparable.
        """
        if not all(value > 0 for value in series.values):
            return None
        metadata = {
            **self.about,
            **self.configurations[launch.label],
            **launch.metadata,
            _LAUNCH: launch.number,
            _ROUND: launch.round,
            "name": name,
            "unit": series.unit,
        }
        return pyperf.Run(
            [_rounded(value) for value in series.values],
            warmups=[(1, _rounded(value)) for value in series.warmups],
            metadata=metadata,
            # Of this process: it is not the one that is measured.
            collect_metadata=False,
        )

    def dumps(self) -> str:
        """The file's text, a benchmark a line."""
        suite = self.suite()
        data: dict[str, Any] = {"version": "1.0", "benchmarks": [], "metadata": self.about}
        if suite is not None:
            file = io.StringIO()
            suite.dump(file)
            data = json.loads(file.getvalue())
        benchmarks = data.pop("benchmarks")
        data[_KEY] = {
            "name": self.study,
            "settings": self.settings,
            "about": self.about,
            "configurations": self.configurations,
            "builds": self.builds,
            "launches": [
                {
                    "number": each.number,
                    "label": each.label,
                    "round": each.round,
                    "failure": each.failure,
                    "metadata": each.metadata,
                }
                for each in self.launches
            ],
        }
        lines = [f"{json.dumps(name)}:{_compact(value)},\n" for name, value in data.items()]
        rows = ",\n".join(_compact(each) for each in benchmarks)
        return f'{{{"".join(lines)}"benchmarks":[\n{rows}]}}\n'

    def save(self, path: Path) -> None:
        """Write whole or not at all: a run that is interrupted leaves the last state."""
        partial = path.with_suffix(".part")
        partial.write_text(self.dumps())
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Recording":
        """Read a file. KeyError where it is none of ours."""
        data = json.loads(path.read_text())
        about = data[_KEY]
        recording = cls(
            about["name"],
            settings=about["settings"],
            about=about["about"],
            # The file has them by their letters, and 1,000 before 250.
            configurations=dict(sorted(about["configurations"].items(), key=_by_numbers)),
        )
        recording.builds = about["builds"]
        recording.launches = [Launch(**each) for each in about["launches"]]
        if data["benchmarks"]:
            recording._take(pyperf.BenchmarkSuite.load(str(path)))
        return recording

    def _take(self, suite: Any) -> None:
        """Give the launches their values back."""
        launches = {each.number: each for each in self.launches}
        for benchmark in suite:
            for run in benchmark.get_runs():
                launch = launches[run.get_metadata()[_LAUNCH]]
                metric = benchmark.get_name().removeprefix(launch.label + _SEPARATOR)
                launch.series[metric] = Series(
                    benchmark.get_unit(),
                    list(run.values),
                    [value for _, value in run.warmups],
                )


def about(path: Path) -> dict[str, Any]:
    """What a file says of where it was measured, without its values."""
    found: dict[str, Any] = json.loads(path.read_text())[_KEY]["about"]
    return found


def _by_numbers(item: tuple[str, object]) -> list[tuple[int, str]]:
    """Sorts labels by their numbers where they differ in these."""
    parts = re.split(r"(\d+)", item[0])
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def _rounded(value: float) -> float:
    if isinstance(value, int) or not math.isfinite(value):
        return value
    return float(f"{value:.{_DIGITS}g}")


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
