"""Environments are made when something that decides their content changes, and only then."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import environment
from tools.pythons import find, uv
from tools.pythons.command import answer
from tools.pythons.interpreter import Interpreter
from tools.pythons.request import Request

GOOD = Interpreter(Path("/opt/python"), "3.14.2", free_threaded=False, origin="a test")
NEWER = Interpreter(Path("/opt/newer"), "3.14.3", free_threaded=False, origin="a test")

# Notes its words; "venv" makes a folder with a python that answers where its packages lie.
UV = """#!/bin/sh
echo "$*" >> "$CALLS"
echo "uv is at work"
if test "$1" = venv; then
    for folder in "$@"; do :; done
    mkdir -p "$folder/bin" "$folder/packages"
    printf '#!/bin/sh\\necho a warning >&2\\necho "%s"\\n' "$folder/packages" > "$folder/bin/python"
    chmod +x "$folder/bin/python"
fi
"""


class Checkout:
    """A checkout with nothing but what decides an environment, and the calls of a fake uv."""

    def __init__(self, root: Path, calls: Path) -> None:
        self.root = root
        self._calls = calls

    def calls(self) -> list[str]:
        """What uv was asked since the last time."""
        lines = self._calls.read_text().splitlines()
        self._calls.write_text("")
        return lines


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    root = tmp_path / "checkout"
    for name in environment._SOURCES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("one")
    program = tmp_path / "uv"
    program.write_text(UV)
    program.chmod(0o755)
    calls = tmp_path / "calls"
    calls.touch()
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(environment, "ROOT", root)
    monkeypatch.setattr(uv, "executable", lambda: program)
    monkeypatch.setattr(find, "find", lambda requests: (GOOD, []))
    return Checkout(root, calls)


def test_an_environment_sees_the_checkout(checkout: Checkout) -> None:
    made = environment.ensure("3.14", dev=False)
    assert made.python == checkout.root / ".venvs" / "3.14" / "bin" / "python"
    path_file = checkout.root / ".venvs" / "3.14" / "packages" / "checkout.pth"
    assert path_file.read_text() == f"{checkout.root}\n"


def test_two_that_are_made_at_once_do_not_mix_what_is_said(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beside(argv: Sequence[str | Path], *, log: Path, timeout: float) -> str:
        # In the middle of the first, the second is made from beginning to end.
        monkeypatch.setattr(environment, "answer", answer)
        environment.ensure("3.13", dev=False)
        return answer(argv, log=log, timeout=timeout)

    monkeypatch.setattr(environment, "answer", beside)
    environment.ensure("3.14", dev=False)
    for leg, other in (("3.14", "3.13"), ("3.13", "3.14")):
        folder = checkout.root / ".venvs" / leg
        assert (folder / "packages" / "checkout.pth").exists()
        log = folder.with_name(f"{leg}.log").read_text()
        assert "uv is at work" in log
        assert f"/{leg}/" in log
        assert f"/{other}/" not in log


def test_a_complete_one_costs_neither_search_nor_uv(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = environment.ensure("3.14", dev=False)
    assert checkout.calls()

    def search(requests: tuple[Request, ...]) -> None:
        raise AssertionError("nothing to look for")

    monkeypatch.setattr(find, "find", search)
    assert environment.ensure("3.14", dev=False) == first
    assert checkout.calls() == []


@pytest.mark.parametrize("name", environment._SOURCES)
def test_it_is_renewed_when_what_it_is_made_of_changes(checkout: Checkout, name: str) -> None:
    environment.ensure("3.14", dev=True)
    checkout.calls()
    (checkout.root / name).write_text("two")
    environment.ensure("3.14", dev=True)
    assert len(checkout.calls()) == 2


def test_it_is_renewed_for_another_interpreter(checkout: Checkout) -> None:
    environment.make("3.14", GOOD, dev=True)
    checkout.calls()
    environment.make("3.14", GOOD, dev=True)
    assert checkout.calls() == []
    assert environment.make("3.14", NEWER, dev=True).interpreter == NEWER
    assert len(checkout.calls()) == 2


def test_it_is_made_again_after_an_interruption(checkout: Checkout) -> None:
    environment.ensure("3.14", dev=False)
    checkout.calls()
    (checkout.root / ".venvs" / "3.14" / "complete.json").unlink()
    environment.ensure("3.14", dev=False)
    assert len(checkout.calls()) == 2


def test_one_for_serving_has_the_runtime_alone_and_keeps_what_was_added(
    checkout: Checkout,
) -> None:
    environment.ensure("3.14", dev=False)
    made, installed = checkout.calls()
    assert "--allow-existing" in made
    assert installed.endswith("--requirements pyproject.toml")


def test_one_for_development_is_made_anew_from_the_pins(checkout: Checkout) -> None:
    environment.ensure("3.13", dev=True)
    made, installed = checkout.calls()
    assert "--clear" in made
    assert "--constraints requirements/constraints-dev.txt --group dev" in installed
    assert "--group lint" not in installed
    environment.ensure(environment.LINT_LEG, dev=True)
    assert "--group lint" in checkout.calls()[1]


def test_the_mark_says_which_interpreter_it_is(checkout: Checkout) -> None:
    made = environment.ensure("3.14", dev=False)
    facts = json.loads((made.folder / "complete.json").read_text())
    assert (facts["path"], facts["version"]) == ("/opt/python", "3.14.2")
