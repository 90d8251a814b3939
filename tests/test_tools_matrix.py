"""The matrix reports every leg, and none is skipped in silence."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import environment, matrix
from tools.environment import Environment
from tools.pythons import find
from tools.pythons.errors import UnavailableError
from tools.pythons.interpreter import Interpreter
from tools.pythons.request import Request

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

    monkeypatch.setattr(find, "find", search)
    monkeypatch.setattr(environment, "make", lambda leg, interpreter, dev: HERE)
    monkeypatch.setattr(environment, "ensure", lambda leg, dev: HERE)
    monkeypatch.setattr(matrix, "_LINT", (("lint", ("-c", "print('clean')")),))
    monkeypatch.setattr(matrix, "_PYTEST", ("-c", "import sys; print('==== fine ====', sys.argv)"))


def test_every_leg_runs_and_gets_pytests_options(capfd: pytest.CaptureFixture[str]) -> None:
    assert matrix.main(["--legs", "3.13 3.14", "-k", "name"]) == 0
    out = capfd.readouterr().out
    assert "3.14.2   on   a test" in out
    assert out.count("\n==== fine ==== ['-c', '-k', 'name']\n") == 2
    assert re.search(r"pytest 3\.13  passed  [0-9]+ s +fine ==== \['-c', '-k', 'name'\]", out)


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


def test_what_outlives_its_step_and_holds_the_output_is_ended(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matrix, "_STEP_TIMEOUT", 1.0)
    leak = "import subprocess; subprocess.Popen(['sleep', '600'])"
    monkeypatch.setattr(matrix, "_LINT", (("lint", ("-W", "ignore", "-c", leak)),))
    assert matrix.main(["--lint"]) == 1
    assert "took longer than 1 s" in capfd.readouterr().out
