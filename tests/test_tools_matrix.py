"""The matrix reports every leg, and none is skipped in silence."""

import dataclasses
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import environment, matrix, steps
from tools.environment import Environment
from tools.pythons import find
from tools.pythons.errors import UnavailableError
from tools.pythons.interpreter import Interpreter
from tools.pythons.request import Request
from tools.steps import Result, Step

HERE = Environment(
    Path(sys.prefix),
    Interpreter(Path(sys.executable), "3.14.2", free_threaded=False, origin="a test"),
)


@pytest.fixture(autouse=True)
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreters but 3.15, this environment for each, and steps that end at once."""

    def search(requests: Sequence[Request]) -> tuple[Interpreter, list[str]]:
        if requests[0].version == "3.15":
            raise UnavailableError("no interpreter for 3.15; tried:\n  3.15, one: no network")
        return HERE.interpreter, []

    def make(leg: str, interpreter: Interpreter | None = None, *, dev: bool) -> Environment:
        return Environment(HERE.folder, dataclasses.replace(HERE.interpreter, version=f"{leg}.2"))

    monkeypatch.setattr(find, "find", search)
    monkeypatch.setattr(environment, "make", make)
    monkeypatch.setattr(environment, "ensure", make)
    monkeypatch.setattr(matrix, "_LINT", (("lint", ("-c", "print('clean')")),))
    monkeypatch.setattr(matrix, "_PYTEST", ("-c", "import sys; print('==== fine ====', sys.argv)"))


def test_every_leg_runs_and_gets_pytests_options(capfd: pytest.CaptureFixture[str]) -> None:
    assert matrix.main(["--legs", "3.13 3.14", "-k", "name"]) == 0
    out = capfd.readouterr().out
    assert "3.14.2   on   a test" in out
    for leg, chosen in (("3.13", "'-m', 'not once', "), ("3.14", "")):
        argv = f"['-c', '-o', 'cache_dir=.pytest_cache/{leg}', {chosen}'-k', 'name']"
        assert f"\n==== fine ==== {argv}\n" in out
        said = re.escape(f"fine ==== {argv}")
        assert re.search(rf"\npytest {leg}  passed  [0-9]+ s +{said}\n", out)


def test_a_leg_alone_runs_every_test(capfd: pytest.CaptureFixture[str]) -> None:
    assert matrix.main(["--legs", "3.13"]) == 0
    assert "not once" not in capfd.readouterr().out


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("legs", ["3.13", "3.13 3.14", "3.14"])
def test_lint_is_run_on_its_own_interpreter_and_first(
    jobs: int, legs: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert matrix.main(["--legs", legs, "--jobs", str(jobs)]) == 0
    out = capfd.readouterr().out
    begun = re.findall("^==== (.* on [0-9.]+).* ====$", out, re.MULTILINE)
    assert begun[:2] == ["lint on 3.14.2", f"pytest {legs[:4]} on {legs[:4]}.2"]
    assert re.search("\nlint +passed  [0-9]+ s +clean\n", out)


def test_the_jobs_are_one_more_than_the_cpus_unless_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = []

    def run(_: Sequence[Step], *, jobs: int) -> tuple[list[Result], int]:
        taken.append(jobs)
        return [], 0

    monkeypatch.setattr(steps, "run", run)
    monkeypatch.setattr(matrix, "_usable_cpus", lambda: 7)
    assert matrix.main(["--lint"]) == 0
    assert matrix.main(["--lint", "--jobs", "3"]) == 0
    assert taken == [8, 3]


@pytest.mark.parametrize("word", ["0", "-1", "two"])
def test_jobs_that_are_no_count_are_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        matrix.main(["--jobs", word])
    assert "argument --jobs" in capsys.readouterr().err


def test_a_signal_shows_in_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    result = Result("lint", False, "interrupted", 1.0)
    monkeypatch.setattr(steps, "run", lambda *_, jobs: ([result], signal.SIGTERM))
    assert matrix.main(["--lint"]) == 128 + 15
    assert "lint  FAILED  1 s   interrupted" in capfd.readouterr().out


def test_a_leg_that_cannot_be_had_fails_the_run_and_the_others_still_run(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert matrix.main(["--legs", "3.14 3.15"]) == 1
    out = capfd.readouterr().out
    assert "3.15  CANNOT BE HAD" in out
    assert "3.15, one: no network" in out
    assert "pytest 3.15  FAILED" in out
    assert "pytest 3.14  passed" in out


def test_a_bad_leg_fails_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    assert matrix.main(["--legs", "three"]) == 1
    assert "not an interpreter request: 'three'" in capfd.readouterr().out


def test_a_failing_step_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matrix, "_LINT", (("lint", ("-c", "print('two errors'); exit(1)")),))
    assert matrix.main(["--lint"]) == 1
    out = capfd.readouterr().out
    assert re.search("lint  FAILED  [0-9]+ s +two errors", out)
    assert "pytest" not in out
