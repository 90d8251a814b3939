"""A few swaps in one mode, the slope, and the page."""

import json
import shutil
from pathlib import Path

import pytest

from experiments.swaps import __main__ as command
from experiments.swaps import page, trend

WHERE = {"python": "3.99", "leg": "3.99", "begun": "now", "subsrv_commit": "abc"}
RUN = {
    **WHERE,
    "mode": "interp",
    **dict.fromkeys(("swaps", "requests", "seconds", "longest"), 7),
    "looks": [(done, 40_000_000 + 1000 * done) for done in range(8)],
}
BROKEN = {**WHERE, "mode": "process", "failures": ["not had: why"]}


@pytest.mark.parametrize("failures", [[], ["short: ConnectionRefusedError()"]])
def test_the_page(tmp_path: Path, failures: list[str]) -> None:
    folder = tmp_path / "swaps"
    folder.mkdir()
    run = {**RUN, "failures": failures}
    raw = {
        "about": {"begun": "now", "subsrv_commit": "abc", "cpu_model_name": "fast"},
        "runs": [run, *([BROKEN] if failures else [])],
    }
    (folder / "2026-01-01T0000-a-b.json").write_text(json.dumps(raw))
    made = page.made(tmp_path)
    text = made[folder / "README.md"]
    assert made[folder / "memory.svg"].startswith("<svg")
    assert "1.00 [1.00, 1.00]" in text
    assert ("none was lost" in text) is not bool(failures)
    assert all(each in text for each in failures)
    assert page.section(tmp_path).count("swaps/README.md") == 2


def test_the_slope_leaves_the_beginning_out() -> None:
    later = [(swaps, 50_000 + 3000 * swaps) for swaps in range(4, 17)]
    found = trend.slope([(0, 5), (1, 900_000), (2, 90), (3, 7), *later])
    assert found is not None
    assert found.value == pytest.approx(3.0)
    assert found.n == 13
    assert trend.slope(later[:3]) is None


def test_the_slope_is_as_sure_as_the_looks_allow() -> None:
    noise = [5000, 4000, -3000, -4000, 2000, 1000, -6000, 3000] * 4
    found = trend.slope([(swaps, 10**6 + each) for swaps, each in enumerate(noise)])
    assert found is not None
    assert found.low < 0.0 < found.high


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
    # All there is to do is done: nothing is begun anew.
    assert command.main([*words[:-2], "--resume", str(path)]) == 0
    assert json.loads(path.read_text())["runs"] == [run]
