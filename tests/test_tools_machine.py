"""Packages for the whole machine are installed only by an administrator, and only if missing."""

import os
from pathlib import Path

import pytest

from tools import wrk
from tools.pythons import machine
from tools.pythons.errors import UnavailableError


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Debian machine that has gcc alone, and whose apt notes what it is asked."""
    folder = tmp_path / "programs"
    folder.mkdir()
    scripts = {
        "dpkg-query": 'case "$*" in *gcc*) printf installed;; *) exit 1;; esac',
        "apt-get": f'echo "$*" >> {tmp_path}/calls; test -e {tmp_path}/lists || test $1 = update'
        f" && touch {tmp_path}/lists",
    }
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "calls").touch()
    return tmp_path / "calls"


def test_what_is_missing_is_installed_after_fetching_lists_where_needed(calls: Path) -> None:
    machine.install(["gcc", "make"], log=calls.parent / "log")
    first, update, second = calls.read_text().splitlines()
    assert first == second
    assert " make " in first
    assert "gcc" not in first
    assert update == "update"


def test_nothing_is_asked_of_apt_when_all_is_there(calls: Path) -> None:
    machine.install(["gcc"], log=calls.parent / "log")
    assert calls.read_text() == ""


def test_others_are_told_what_an_administrator_must_do(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UnavailableError, match=r"must first: apt-get install make$"):
        machine.install(["gcc", "make"], log=calls.parent / "log")
    assert calls.read_text() == ""


def test_elsewhere_the_packages_are_named(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnavailableError, match=r"no apt here; needed \(Debian's names\): make"):
        machine.install(["make"], log=calls.parent / "log")


def test_wrk_is_left_alone_where_it_is_and_explained_where_it_cannot_be(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(calls.parent / "programs"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert wrk.main() == 1
    assert capsys.readouterr().err == (
        "wrk is needed on PATH: an administrator must first: apt-get install wrk\n"
    )
    (calls.parent / "programs" / "wrk").touch(0o755)
    assert wrk.main() == 0
