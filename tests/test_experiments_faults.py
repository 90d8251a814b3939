"""A fault or two, the page, and that each fact has its test."""

import json
from pathlib import Path

import pytest

from experiments.apps import faulty
from experiments.faults import __main__ as command
from experiments.faults import page
from experiments.faults.cases import FAULTS

ROOT = Path(__file__).parents[1]
RUN = {
    "python": "3.99",
    "fault": "exit",
    "died": False,
    "asked": "closed",
    "beside": "closed",
    "replaced": 0.5,
    "calm": {"answered": 9, "failed": 0, "gap": 0.01},
    "exit": 0,
    "other": {"answered": 90, "failed": 0, "gap": 0.02},
    "new": {"answered": 7, "failed": 1},
    "log": ["subsrv: worker N died: exit status 3; starting another"],
}


def test_each_fault_is_the_applications_and_has_tests() -> None:
    assert {f"/{name}" for name in FAULTS} == faulty.FAULTS.keys()
    for fault in FAULTS.values():
        for test in fault.tests:
            path, _, name = test.partition("::")
            assert f"def {name}(" in (ROOT / path).read_text(), test
        assert fault.tests


def test_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "faults"
    folder.mkdir()
    dead = {**RUN, "mode": "interp", "died": True, "exit": 3, "replaced": None, "log": []}
    raw = {
        "about": {"begun": "now", "subsrv_commit": "abc", "cpu_model_name": "fast"},
        "runs": [{**RUN, "mode": "process"}, dead],
        "failures": ["nogil: not had"],
    }
    (folder / "2026-01-01T0000-a-b.json").write_text(json.dumps(raw))
    (text,) = page.made(tmp_path).values()
    assert "process (3.99) 0 of 1; interp (3.99) 1 of 1: `os._exit(3)`." in text
    assert "nogil: not had" in text
    assert "`os._exit(3)`, interp: nothing" in text
    assert page.section(tmp_path).count("faults/README.md") == 2


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ({"died": True}, "server dies"),
        ({"exit": None}, "server hangs"),
        ({"log": ["worker N is left behind"], "exit": 1}, "left behind"),
        ({"log": ["killing worker N"]}, "killed"),
        ({"log": ["worker N goes on, and drains"]}, "rescued"),
        ({}, "replaced"),
        ({"replaced": None}, "not replaced"),
        ({"replaced": None, "log": []}, "served on"),
    ],
)
def test_the_fate(told: dict[str, object], fate: str) -> None:
    assert page.fate({**RUN, **told}) == fate


def test_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "raw.json"
    words = ["--modes", "process", "--faults", "exit", "--output", str(path)]
    status = command.main(words)
    assert status == 0, capsys.readouterr()
    (run,) = json.loads(path.read_text())["runs"]
    assert page.fate(run) == "replaced"
    assert run["asked"] == run["beside"] == "closed"
    assert run["other"]["failed"] == 0
    assert run["other"]["answered"] > 10
