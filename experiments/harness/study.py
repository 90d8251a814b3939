"""A study: one question, the configurations that answer it, and what is made of their figures.

`experiments/README.md` shows how one is written.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.harness import environment
from experiments.harness.configuration import Configuration, Timing
from experiments.harness.cpus import Split
from experiments.harness.data import Data
from experiments.harness.figures import Figure
from experiments.harness.interpreters import Interpreters
from experiments.harness.launch import Launch, launch
from experiments.harness.metrics import Metric
from experiments.harness.progress import Progress
from experiments.harness.record import Recording
from experiments.harness.table import Table

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must be: at most `limit`, or with `least` at least. No value is a miss.

    Attributes:
      value: a figure with its interval, or a bare number; None where there is none.
      digits: shown after the point.
      absent: why there is no value.
    """

    name: str
    value: Figure | float | None
    limit: float
    least: bool = False
    digits: int = 2
    absent: str = "not measured"

    @property
    def met(self) -> bool:
        """Whether it was measured and its median is within its limit."""
        if self.value is None:
            return False
        return self._within(self.value.value if isinstance(self.value, Figure) else self.value)

    @property
    def verdict(self) -> str:
        """For a table: also whether the interval says otherwise than the median does."""
        if self.value is None:
            return self.absent
        said = "met" if self.met else "MISSED"
        if isinstance(self.value, Figure):
            ends = {self._within(self.value.low), self._within(self.value.high)}
            if ends != {self.met}:
                return f"{said}, but the interval reaches across"
        return said

    def _within(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Option:
    """An option of one study, all of whose values are names.

    Attributes:
      name: as in the settings; "--name" on the command line, for a list separated by commas.
      default: what it is where nobody says otherwise.
      allowed: what it may be; empty for any whole numbers above zero.
    """

    name: str
    help: str
    default: tuple[str, ...]
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One question.

    Attributes:
      name: of its module in experiments, and of its folder in results.
      title: of its page.
      question: what a reader wants to know, and why this measures it: a paragraph.
      configurations: from the settings: the options by name, and the timing.
      answer: one sentence with its uncertainty.
      tables: Markdown by title.
      plots: SVG by file name without its ending; the first one stands in the index.
      limits: what the figures do not say.
      control: begins the label that is launched twice in each round (A/A); "" takes the first.
      controlled: metrics of its own whose A/A the page shows beside that of the usual ones.
    """

    name: str
    title: str
    question: str
    configurations: Callable[[Settings], Sequence[Configuration]]
    answer: Callable[[Data], str]
    tables: Callable[[Data], Mapping[str, Table | str]]
    plots: Callable[[Data], Mapping[str, str]] = lambda _: {}
    targets: Callable[[Data], Sequence[Target]] = lambda _: ()
    limits: Sequence[str] = ()
    options: Sequence[Option] = ()
    control: str = ""
    controlled: Sequence[Metric] = ()
    rounds: int = 5
    timing: Timing = field(default_factory=lambda: Timing(warm_up=1, values=3, seconds=2))

    def defaults(self) -> dict[str, Any]:
        """The settings where nobody says otherwise."""
        return {
            "rounds": self.rounds,
            "warm_up": self.timing.warm_up,
            "values": self.timing.values,
            "seconds": self.timing.seconds,
            "only": [],
            **{each.name: list(each.default) for each in self.options},
        }


def timing(settings: Settings) -> Timing:
    """How the launches of a run are measured."""
    return Timing(
        warm_up=settings["warm_up"], values=settings["values"], seconds=settings["seconds"]
    )


def chosen(study: Study, settings: Settings) -> list[Configuration]:
    """The configurations of a run, with the twin of the controlled one beside it.

    ValueError where nothing is left, or where a label stands twice.
    """
    found = [
        each
        for each in study.configurations(settings)
        if not settings["only"] or any(word in each.label for word in settings["only"])
    ]
    if not found:
        raise ValueError(f"no configuration has any of {', '.join(settings['only'])} in its label")
    labels = [each.label for each in found]
    if len(set(labels)) != len(labels):
        raise ValueError(f"a label stands twice in {labels}")
    controlled = (index for index, label in enumerate(labels) if label.startswith(study.control))
    index = next(controlled, 0)
    found.insert(index + 1, found[index].twin())
    return found


def plan(labels: Sequence[str], *, rounds: int, seed: int) -> list[tuple[int, str]]:
    """Round and label of every launch in its order: in each round all of them, shuffled."""
    order = random.Random(seed)
    turns = []
    for number in range(1, rounds + 1):
        # Not shuffle(), whose order another version of Python may change.
        shuffled = sorted(labels, key=lambda _: order.random())
        turns += [(number, label) for label in shuffled]
    return turns


def expected(study: Study, settings: Settings) -> tuple[int, float]:
    """How many launches a run has, and about how many minutes it takes."""
    found = chosen(study, settings)
    rounds = settings["rounds"]
    seconds = sum(_seconds(each, timing(settings)) for each in found)
    return len(found) * rounds, seconds * rounds / 60


def begin(study: Study, settings: dict[str, Any], split: Split) -> Recording:
    """A recording without launches: where, with what and of what they will be."""
    configurations = chosen(study, settings)
    return Recording(
        study.name,
        settings=settings,
        about={
            **environment.describe(split),
            "client": ", ".join(sorted({each.load.client() for each in configurations})),
        },
        configurations={
            each.label: {
                **each.facts,
                "load": each.load.describe(each.timing(timing(settings)).seconds, split.alone),
            }
            for each in configurations
        },
    )


def run(
    study: Study,
    recording: Recording,
    path: Path,
    interpreters: Interpreters,
    split: Split,
    *,
    minutes: float | None = None,
) -> int:
    """Run the launches that the recording lacks, write it after each, and return how many it lacks.

    A configuration that has failed is not launched again: its figures would not be shown. With
    `minutes`, no launch begins that would end later than that.
    """
    deadline = time.monotonic() + minutes * 60 if minutes else float("inf")
    settings = recording.settings
    configurations = {each.label: each for each in chosen(study, settings)}
    turns = plan(list(configurations), rounds=settings["rounds"], seed=settings["seed"])
    times = timing(settings)
    todo = [(number, label) for number, label in turns if not recording.has(label, number)]
    todo = [(number, label) for number, label in todo if not recording.failed(label)]
    progress = Progress([_seconds(configurations[label], times) for _, label in todo])
    for index, (number, label) in enumerate(todo):
        if time.monotonic() + _seconds(configurations[label], times) > deadline:
            progress.end()
            return len(todo) - index
        progress.step(f"{study.name}: {label}, round {number} of {settings['rounds']}")
        if recording.failed(label):
            continue
        found: Launch = launch(
            configurations[label],
            number=turns.index((number, label)),
            round_=number,
            timing=configurations[label].timing(times),
            interpreters=interpreters,
            split=split,
        )
        recording.launches.append(found)
        recording.builds |= interpreters.builds()
        recording.save(path)
    progress.end()
    return 0


def _seconds(configuration: Configuration, times: Timing) -> float:
    return configuration.timing(times).expected
