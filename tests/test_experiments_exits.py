"""A few starts and stops, one that is not clean, and the page."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from experiments.exits import __main__ as command
from experiments.exits import page
from experiments.exits.ends import ENDS


def test_two_ends(tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    words = ["--times", "2", "--pythons", "gil", "--modes", "interp", "--output", str(path)]
    assert command.main(words) == 0, path.read_text()
    (cell,) = json.loads(path.read_text())["cells"].values()
    assert cell["ends"] == {name: {"0": 1} for name in list(ENDS)[:2]}
    # All that was wanted is there: nothing is added.
    assert command.main([*words[:-2], "--resume", str(path)]) == 0
    assert page.statuses(cell).total() == 2


def test_a_crash_is_told() -> None:
    status, log = command.once(
        sys.executable, "thread", lambda pid, _: os.kill(pid, signal.SIGABRT)
    )
    assert status == f"{-signal.SIGABRT}, with errors in the log"
    assert "Fatal Python error: Aborted" in log


@pytest.mark.parametrize("status", ["0", "-6, with errors in the log"])
def test_the_page(tmp_path: Path, status: str) -> None:
    folder = tmp_path / "exits"
    folder.mkdir()
    logs = [] if status == "0" else ["SIGTERM: aborted"]
    cell = {"ends": {"SIGTERM": {"0": 3, status: 4}}, "logs": logs}
    raw = {
        "about": {"begun": "now", "subsrv_commit": "abc", "cpu_model_name": "fast"},
        "cells": {"3.99.1 interp": cell},
        "failures": [],
    }
    (folder / "2026-01-01T0000-a-b.json").write_text(json.dumps(raw))
    (text,) = page.made(tmp_path).values()
    assert ("exits were clean." in text) is (status == "0")
    assert ("aborted" in text) is (status != "0")
    assert page.section(tmp_path).count("exits/README.md") == 2
