"""Every study's own part: its configurations, its command line, and what it says of nothing."""

import pytest

from experiments import bench, studies
from experiments.harness import command, study
from experiments.harness.cpus import split
from experiments.harness.data import Data
from experiments.harness.study import Study


@pytest.mark.parametrize("each", studies.load(), ids=lambda each: each.name)
def test_a_study(each: Study, capsys: pytest.CaptureFixture[str]) -> None:
    found = study.chosen(each, each.defaults())
    assert len(found) >= 3
    assert any(one.label.startswith(each.control) for one in found)
    assert command.main(each, ["--list", "--quick"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[:-1] == [one.label for one in found]
    # Nothing has been launched: no figure, and no failure of the study's own making.
    data = Data(study.begin(each, {**each.defaults(), "seed": 1}, split()))
    assert "measured" in each.answer(data)
    assert all(not target.met for target in each.targets(data))


def test_each_section_of_the_benchmark_is_a_study() -> None:
    assert {section.study for section in bench.SECTIONS.values()} <= set(studies.NAMES)
