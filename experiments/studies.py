"""All studies, in the order in which results/README.md shows them."""

import importlib

from experiments.harness.study import Study

#: Modules of this package, each with a `STUDY` of the same name.
NAMES = (
    *("overhead", "hello", "latency", "scaling", "mixed", "sharing", "shared_state"),
    *("accepting", "memory", "forks", "gc", "versions", "overload"),
    *("comparison", "connections", "frameworks", "websockets"),
)


def load() -> list[Study]:
    """Every study."""
    return [get(name) for name in NAMES]


def get(name: str) -> Study:
    """The study of this name. ImportError where there is none."""
    study = importlib.import_module(f"experiments.{name}").STUDY
    assert isinstance(study, Study)
    assert study.name == name
    return study
