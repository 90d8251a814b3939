"""A few swaps in one mode, the slope, and the page."""

import json
import shutil
from pathlib import Path

import pytest

from experiments.swaps import __main__ as command
from experiments.swaps import page

RUN = {"mode": "interp", "python": "3.99", "swaps": 7, "requests": 8, "done": {}, "seconds": 0.1}


@pytest.mark.parametrize("failures", [[], ["short: ConnectionRefusedError()"]])
def test_the_page(tmp_path: Path, failures: list[str]) -> None:
    folder = tmp_path / "swaps"
    folder.mkdir()
    run = {**RUN, "longest": 0.2, "kb_per_swap": -0.4, "failures": failures}
    broken = {"mode": "process", "python": "3.99", "failures": ["not had: why"]}
    raw = {
        "about": {"begun": "now", "subsrv_commit": "abc", "cpu_model_name": "fast"},
        "runs": [run, *([broken] if failures else [])],
    }
    (folder / "2026-01-01T0000-a-b.json").write_text(json.dumps(raw))
    (text,) = page.made(tmp_path).values()
    assert ("none was lost" in text) is not bool(failures)
    assert all(each in text for each in failures)
    assert page.section(tmp_path).count("swaps/README.md") == 2


def test_the_slope_leaves_the_beginning_out() -> None:
    looks = [(0, 5), (1, 50), (2, 60), (3, 63), (4, 66), (5, 69), (6, 72), (7, 75)]
    assert command.slope(looks) == pytest.approx(3.0)
    assert command.slope(looks[:1]) == 0.0


def test_a_few_swaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    path = tmp_path / "raw.json"
    words = ["--swaps", "3", "--modes", "thread", "--pythons", "gil", "--output", str(path)]
    status = command.main(words)
    said = capsys.readouterr().out
    assert status == 0, said
    (run,) = json.loads(path.read_text())["runs"]
    assert run["swaps"] == 3
    assert {"steady", "short", "pausing", "wrk"} == run["done"].keys()
