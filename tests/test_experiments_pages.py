"""The pages whose raw data have a shape of their own: what they say follows from the data."""

import json
from pathlib import Path
from typing import Any

from experiments import fuzzing, idling
from experiments.conformance import page as conformance

_ABOUT = {
    "begun": "now",
    "subsrv_commit": "abc",
    "cpus_server": "0-1",
    "cpu_model_name": "a CPU",
}


def _write(results: Path, study: str, raw: object, name: str = "2026-01-01T0000-a-b.json") -> None:
    (results / study).mkdir()
    (results / study / name).write_text(json.dumps(raw))


def test_nothing_is_made_of_nothing(tmp_path: Path) -> None:
    for each in (fuzzing, idling, conformance):
        assert each.made(tmp_path) == {}
        assert "Not " in each.section(tmp_path)


def test_conformance(tmp_path: Path) -> None:
    def answers(*right: bool) -> dict[str, Any]:
        names = ("Host: none", "Host: two", "target: odd")
        kept = {"kind": "answered", "closed": False}
        return {name: {"right": each, **kept} for name, each in zip(names, right, strict=True)}

    raw = {
        "about": _ABOUT,
        "cases": [{"name": name} for name in answers(True, True, True)],
        "servers": {
            "subsrv-interp": {
                "version": "this checkout",
                "python": "3.99",
                "stopped_by": [],
                "answers": answers(True, True, True),
            },
            "peer": {
                "version": "1.0",
                "python": "3.99",
                "stopped_by": ["Host: two"],
                "answers": answers(True, False, False),
            },
            "other": {"unavailable": "no wheel"},
        },
    }
    _write(tmp_path, "conformance", raw)
    (text,) = conformance.made(tmp_path).values()
    assert "Of 3 cases, subsrv answers 0 wrongly in its worst mode; the others: peer 2." in text
    rows = [line.replace(" ", "") for line in text.splitlines() if line.startswith("| ")]
    assert rows[0] == "|server|Host(2)|target(1)|all(3)|"
    assert "|subsrv-interp|2|1|3|" in rows
    assert "|peer|1|0|1|" in rows
    assert "|peer|2|0|0|0|" in rows
    assert "|other|n/a|n/a|nothad|" in rows
    assert "- peer: Host: two; target: odd" in text
    assert "- peer answered nobody any more after: Host: two" in text
    assert "other: not had: no wheel" in text
    assert "peer 2" in conformance.section(tmp_path)


def test_fuzzing(tmp_path: Path) -> None:
    run = {
        "target": "parser",
        "when": "now",
        "code": "abc",
        "python": "3.99",
        "atheris": "1",
        "executions": 1200,
        "seconds": 3.0,
        "coverage": 7,
        "corpus_inputs": 5,
        "findings": 0,
    }
    _write(tmp_path, "fuzz", [run, {**run, "target": "connection", "findings": 2}], "runs.json")
    (text,) = fuzzing.made(tmp_path).values()
    assert "2,400 inputs were tried, 1,200 of the parser and 1,200 of the connection; 2 " in text
    assert "2,400" in fuzzing.section(tmp_path)


def test_idle_connections(tmp_path: Path) -> None:
    state = {
        "idle_cpu_share": 0.01,
        "cpu_us_per_request": 20.0,
        "latency_us_p50": 30.0,
        "latency_us_p99": 90.0,
    }
    run = {
        "mode": "interp",
        "python": "3.99",
        "connections": 10_000,
        "alone": state,
        "crowded": {**state, "latency_us_p50": 31.0},
        "bytes_per_connection": {"uss": 1100, "pss": 1090},
    }
    _write(tmp_path, "idle", {"about": _ABOUT, "runs": [run]})
    (text,) = idling.made(tmp_path).values()
    assert "each of 10,000 connections: interp 1,100." in text
    assert "30.0 / 31.0" in text
    assert "interp 1,100" in idling.section(tmp_path)
