"""A recording as tables and plots ask for it: by label and metric, in units for people."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.harness import figures, metrics
from experiments.harness.configuration import TWIN
from experiments.harness.figures import Comparison, Figure
from experiments.harness.launch import Launch
from experiments.harness.measure import SATURATED
from experiments.harness.metrics import Metric
from experiments.harness.record import Recording
from subsrv.bench import client

#: What stands in the place of figures that are not there.
FAILED, NOT_MEASURED = "failed", "not measured"


class Data:
    """What was recorded. A configuration that failed in any launch has no figures, only reasons."""

    def __init__(self, recording: Recording, path: Path | None = None) -> None:
        self.recording = recording
        self.path = path
        self._launches: dict[str, list[Launch]] = {}
        for each in recording.launches:
            self._launches.setdefault(each.label, []).append(each)

    @property
    def labels(self) -> list[str]:
        """Of the configurations that were launched, in order, without the twin."""
        return [
            label
            for label in self.recording.configurations
            if not label.endswith(TWIN) and label in self._launches
        ]

    @property
    def settings(self) -> dict[str, Any]:
        """What the study was run with."""
        return self.recording.settings

    @property
    def shared(self) -> bool:
        """Whether client and server shared their CPUs."""
        return bool(self.recording.about["cpus_shared"] == "yes")

    @property
    def cpus(self) -> int:
        """How many the machine has."""
        return int(self.recording.about["cpu_count"])

    def where(self, **facts: Any) -> list[str]:
        """The labels with these facts."""
        return [
            label
            for label in self.labels
            if all(self.fact(label, name) == value for name, value in facts.items())
        ]

    def one(self, **facts: Any) -> str:
        """The one label with these facts; "" where it was not measured."""
        found = self.where(**facts)
        return found[0] if len(found) == 1 else ""

    def fact(self, label: str, name: str) -> Any:
        """A fact of a configuration, or what its launches found out; None if it has none."""
        known = self.recording.configurations.get(label, {})
        if name in known:
            return known[name]
        found = (each.metadata.get(name) for each in self._launches.get(label, ()))
        return next((value for value in found if value is not None), None)

    def failure(self, label: str) -> str:
        """Why a configuration has no figures; empty if it has."""
        return next((each.failure for each in self._launches.get(label, ()) if each.failure), "")

    def missing(self, *labels: str) -> str:
        """What stands in the place of figures that these configurations do not have."""
        return FAILED if any(map(self.failure, labels)) else NOT_MEASURED

    def failures(self) -> list[tuple[str, int, int, str]]:
        """Label, launches that failed, launches in all, and the first reason."""
        return [
            (label, sum(bool(each.failure) for each in launches), len(launches), reason)
            for label, launches in self._launches.items()
            if (reason := self.failure(label))
        ]

    def values(self, label: str, metric: Metric, at: int | None = None) -> list[float]:
        """One number a launch, the median of its values or the one at a position.

        Empty where the configuration failed.
        """
        if self.failure(label):
            return []
        return [
            metric.shown(statistics.median(found) if at is None else found[at])
            for found in (
                each.series[metric.name].values
                for each in self._ordered(label)
                if metric.name in each.series
            )
        ]

    def positions(self, label: str, metric: Metric) -> list[Figure]:
        """The figure of each value's position within its launch: how it went on under load."""
        if self.failure(label):
            return []
        rows = [
            each.series[metric.name].values
            for each in self._ordered(label)
            if metric.name in each.series
        ]
        columns = (
            figures.figure([metric.shown(value) for value in each])
            for each in zip(*rows, strict=True)
        )
        return [each for each in columns if each]

    def figure(self, label: str, metric: Metric) -> Figure | None:
        """Median over launches with its interval; None where there is nothing."""
        return figures.figure(self.values(label, metric))

    def ratio(self, above: str, below: str, metric: Metric) -> Figure | None:
        """The ratio of two configurations; None where either has nothing."""
        return figures.ratio(self.values(above, metric), self.values(below, metric))

    def difference(self, above: str, below: str, metric: Metric) -> Figure | None:
        """The difference of two configurations; None where either has nothing."""
        return figures.difference(self.values(above, metric), self.values(below, metric))

    def control(self, metric: Metric) -> Figure | None:
        """The ratio of one configuration to itself (A/A)."""
        label = self.controlled
        return self.ratio(label + TWIN, label, metric) if label else None

    @property
    def controlled(self) -> str:
        """The label that was launched twice in each round; "" if none was."""
        twins = (label for label in self._launches if label.endswith(TWIN))
        return next(twins, "").removesuffix(TWIN)

    def compare(self, above: str, below: str, metric: Metric) -> Comparison | None:
        """A ratio beside A/A; None where either has nothing."""
        found = self.ratio(above, below, metric)
        return Comparison(found, self.control(metric)) if found else None

    def saturated(self) -> list[str]:
        """The labels whose client had no CPU time left: they show the client's limit."""
        found = []
        for label in self.labels:
            used = self.figure(label, metrics.CLIENT)
            if used and used.value > SATURATED * 100:
                found.append(label)
        return found

    def late(self) -> list[str]:
        """The labels whose client was late itself: their latencies are too high."""
        found = []
        for label in self.labels:
            lag, latency = self.figure(label, metrics.LAG), self.figure(label, metrics.P99)
            if lag and latency and client.late(lag.value * 1e3, latency.value * 1e3):
                found.append(label)
        return found

    def python(self, label: str) -> str:
        """The interpreter's exact version; "" where none is known."""
        return str(self.fact(label, "python_version") or "")

    def launches(self, labels: Sequence[str]) -> int:
        """The least number of launches that the figures of these labels stand on."""
        return min((len(self._launches.get(label, ())) for label in labels), default=0)

    def _ordered(self, label: str) -> list[Launch]:
        """By round, so that two configurations pair."""
        return sorted(self._launches.get(label, ()), key=lambda each: each.round)
