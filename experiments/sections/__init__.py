"""The sections of the benchmark: each a module with `run`, `tables` and `targets`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from experiments.harness.options import INTERFACES, MODES
from experiments.harness.section import Options, Target
from experiments.harness.table import Table
from experiments.sections import memory, overhead, scaling, sharing


class Section(NamedTuple):
    """One part of the benchmark, and how it runs where nobody says otherwise."""

    run: Callable[[Options], dict[str, Any]]
    tables: Callable[[dict[str, Any]], list[Table | str]]
    targets: Callable[[dict[str, Any]], list[Target]]
    rounds: int
    duration: int
    interfaces: tuple[str, ...]
    modes: tuple[str, ...]


SECTIONS = {
    "overhead": Section(
        overhead.run, overhead.tables, overhead.targets, 5, 2, INTERFACES, ("interp",)
    ),
    "scaling": Section(scaling.run, scaling.tables, scaling.targets, 5, 2, ("asgi",), MODES),
    "nogil": Section(sharing.run, sharing.tables, sharing.targets, 8, 2, ("asgi",), ("nogil",)),
    "memory": Section(memory.run, memory.tables, memory.targets, 3, 1, ("asgi",), MODES),
}
