"""From the raw data to what `subsrv check` knows of packages, subsrv/check/known.json."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from experiments.compatibility import cells
from subsrv.check.known import normalised


def table(records: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Each distribution that was seen: in each mode, on each Python, its newest version."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for _, of_leg in sorted(records.items()):
        of_python: dict[tuple[str, str], dict[str, Any]] = {}
        for record in of_leg.values():
            for name, mode, sighting in _sightings(record):
                earlier = of_python.get((name, mode))
                # What fails in one package's company fails.
                if earlier is None or earlier["works"]:
                    of_python[name, mode] = sighting
        for (name, mode), sighting in of_python.items():
            found.setdefault(name, {}).setdefault(mode, []).append(sighting)
    rows = (f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _sightings(record: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if cells.note(record):
        return
    (mode,) = record["verdicts"].keys() - {"thread"}
    own = normalised(record["package"].partition("[")[0])
    versions = {
        normalised(trouble["distribution"]): trouble["version"]
        for trouble in record["verdicts"][mode]["troubles"]
        if trouble["module"] and trouble["distribution"]
    }
    facts = {"python": record["python"], "date": record["date"]}
    for name, version in versions.items():
        yield name, mode, {"works": False, "version": version, **facts}
    if own not in versions and record["verdicts"][mode]["state"] == "works":
        yield own, mode, {"works": True, "version": record["version"], **facts}
