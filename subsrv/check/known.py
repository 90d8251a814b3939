"""What is known of distributions: known.json, made from results/compatibility."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).with_name("known.json")


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What became of one version of a distribution, the newest of its day, in one mode.

    Attributes:
      works: no extension module of it failed.
      version, python: of the distribution, and of the CPython.
      date: the day, as 2026-11-25.
    """

    works: bool
    version: str
    python: str
    date: str


def normalised(distribution: str) -> str:
    """Its name as the package index spells it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def seen(distribution: str, mode: str) -> tuple[Sighting, ...]:
    """On each Python on which it was tried."""
    found = _table().get(normalised(distribution), {}).get(mode, ())
    return tuple(Sighting(**each) for each in found)


@cache
def _table() -> dict[str, dict[str, list[dict[str, Any]]]]:
    table: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(_TABLE.read_text())
    return table
