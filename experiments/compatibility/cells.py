"""What the verdicts of one package come to, in a few words for each question."""

from collections.abc import Mapping
from typing import Any

#: The questions to interp mode, and to a free-threaded Python.
INTERP = ("first", "second", "at once", "close")
NOGIL = "GIL stays off"
YES = "yes"
NOT_TRIED = "-"

_SHORT = {
    "refused-by-cpython": "not declared",
    "single-phase": "single-phase",
    "refused-by-module": "refuses",
    "second-load-refused": "refuses",
    "crashed": "crashes",
    "hung": "hangs",
    "gil-enabled": "no",
    "wrong-at-close": "goes wrong",
    "application-error": "fails",
}


def interp(record: Mapping[str, Any]) -> dict[str, str]:
    """An answer to each of INTERP's questions."""
    cells = dict.fromkeys(INTERP, NOT_TRIED)
    if _unusable(record):
        return cells
    troubles = record["verdicts"]["interp"]["troubles"]
    fatal = [trouble for trouble in troubles if trouble["fatal"]]
    # What went on without a compiled part has an asterisk, and is named in the notes.
    without = any(not each["fatal"] and each["phase"] != "alone" for each in troubles)
    yes = f"{YES} *" if without else YES
    for question in INTERP:
        mine = [trouble for trouble in fatal if _question(trouble) == question]
        if mine:
            cells[question] = _SHORT[mine[0]["failure"]]
            return cells
        cells[question] = yes
    return cells


def _question(trouble: Mapping[str, Any]) -> str:
    if trouble["phase"] in ("close", "exit"):
        return "close"
    if trouble["together"]:
        return "at once"
    return "second" if trouble["isolate"] > 1 else "first"


def nogil(record: Mapping[str, Any]) -> str:
    """Whether the GIL stays off."""
    if _unusable(record):
        return NOT_TRIED
    verdict = record["verdicts"]["nogil"]
    fatal = [trouble for trouble in verdict["troubles"] if trouble["fatal"]]
    return _SHORT[fatal[0]["failure"]] if fatal else YES


def _unusable(record: Mapping[str, Any]) -> bool:
    return bool(note(record))


def note(record: Mapping[str, Any]) -> str:
    """Why nothing is said of it; empty where something is."""
    if "unavailable" in record:
        return "no wheel"
    for mode, verdict in record["verdicts"].items():
        if verdict["state"] == "not-tried":
            return f"{mode}: {verdict['why']}"
        if mode == "thread" and verdict["state"] == "fails":
            return f"does not load at all: {verdict['troubles'][0]['said'].splitlines()[0]}"
    return ""


def culprits(record: Mapping[str, Any]) -> list[str]:
    """The extension modules that do not load, or turn the GIL on."""
    if _unusable(record):
        return []
    (mode,) = record["verdicts"].keys() - {"thread"}
    troubles = record["verdicts"][mode]["troubles"]
    names = (trouble["module"] for trouble in troubles if trouble["module"])
    return list(dict.fromkeys(names))
