"""A short soak in one mode, what it makes of failures, and its page."""

import json
from pathlib import Path

import pytest

from experiments.soak import __main__ as command
from experiments.soak import page
from experiments.soak.watch import Look, grown


def test_a_short_soak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_LOOKS", 5)
    path = tmp_path / "raw.json"
    status = command.main(["--seconds", "1", "--modes", "interp", "--output", str(path)])
    said = capsys.readouterr().out
    assert status == 0, said
    found = json.loads(path.read_text())["modes"]["interp"]
    assert found["wrong"] == found["stuck"] == 0
    assert {"good", "bad", "slow", "deaf", "gone"} == found["done"].keys()


def test_growth_is_between_the_second_quarter_and_the_last() -> None:
    sizes = [1, 1, 50, 50, 50, 50, 53, 53]
    looks = [Look(float(at), size * 1_000_000, 9) for at, size in enumerate(sizes)]
    assert grown(looks) == pytest.approx(3.0)
    assert grown(looks[:3]) == 0.0


@pytest.mark.parametrize("failures", [[], ["stuck: good"]])
def test_the_page(tmp_path: Path, failures: list[str]) -> None:
    folder = tmp_path / "soak"
    folder.mkdir()
    mode = {"failures": failures, "done": {"good": 3}, "wrong": 0, "stuck": len(failures)}
    raw = {
        "about": {"begun": "now", "subsrv_commit": "abc"},
        "seconds": 4,
        "modes": {"interp": {**mode, "descriptors": [9, 9], "grown_mb": 0.1, "python": "3.99"}},
    }
    (folder / "2026-01-01T0000-a-b.json").write_text(json.dumps(raw))
    (text,) = page.made(tmp_path).values()
    assert ("nothing was wrong" in text) is not bool(failures)
    assert all(each in text for each in failures)
    assert page.section(tmp_path).count("soak/README.md") == 2
