"""Tables of the benchmark, from the file that `python -m experiments.bench --json` writes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from experiments.harness.section import targets_table
from experiments.harness.table import Table
from experiments.sections import SECTIONS
from experiments.tables.common import environment, sharing_remark


def _section(name: str, raw: Mapping[str, Any]) -> str:
    if name not in raw["sections"]:
        return "*Not measured in this run.*"
    section, measured = SECTIONS[name], raw["sections"][name]
    parts = [
        part.markdown() if isinstance(part, Table) else part for part in section.tables(measured)
    ]
    parts += [f"Failed: {what}: {text}" for what, text in measured["failures"].items()]
    parts.append(targets_table(section.targets(measured)).markdown())
    parts.append(sharing_remark(raw["environment"]))
    return "\n\n".join(parts)


def _environment(raw: Mapping[str, Any]) -> str:
    interpreters = {
        f"{name} {mode}": facts
        for name, section in raw["sections"].items()
        for mode, facts in section["interpreters"].items()
    }
    return environment({**raw, "interpreters": interpreters})


TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    **{name: partial(_section, name) for name in SECTIONS},
    "environment": _environment,
}
