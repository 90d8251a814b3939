"""A candidate is trusted for what it answers, never for its name."""

import json
import os
import shlex
import sys
import sysconfig
from pathlib import Path

import pytest

from tools.pythons import installed
from tools.pythons.errors import UnavailableError
from tools.pythons.interpreter import verify
from tools.pythons.request import Request

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
THIS = Request(*sys.version_info[:2], free_threaded=FREE_THREADED)
WANTED = Request(3, 14)


def fake(path: Path, **changed: object) -> Path:
    """Write a shell script that answers the probe as a good 3.14 would, but for the changes."""
    facts = {
        "implementation": "CPython",
        "version": "3.14.99",
        "feature": "3.14",
        "free_threaded": False,
        "executable": str(path),
        "missing": [],
        **changed,
    }
    return script(path, f"echo {shlex.quote(json.dumps(facts))}")


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_this_interpreter_is_what_it_says() -> None:
    found = verify(Path(sys.executable), THIS, origin="here")
    assert found.version.startswith(THIS.version)
    assert found.free_threaded == FREE_THREADED
    assert found.origin == "here"


def test_the_interpreter_behind_a_virtual_environment_is_returned() -> None:
    found = verify(Path(sys.executable), THIS, origin="here")
    assert sys.prefix != sys.base_prefix, "the suite runs in a virtual environment"
    assert not found.path.is_relative_to(sys.prefix)
    assert verify(found.path, THIS, origin="here") == found


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"feature": "3.13", "version": "3.13.1"}, "is 3.13.1"),
        ({"free_threaded": True}, "is free-threaded"),
        ({"implementation": "PyPy"}, "is PyPy, not CPython"),
        ({"missing": ["ssl does not import (no libssl)"]}, "ssl does not import (no libssl)"),
    ],
)
def test_a_candidate_that_is_something_else_is_refused(
    tmp_path: Path, changed: dict[str, object], reason: str
) -> None:
    path = fake(tmp_path / "python3.14", **changed)
    with pytest.raises(UnavailableError) as refused:
        verify(path, WANTED, origin="PATH")
    assert str(refused.value) == f"{path}: {reason}"


def test_a_build_with_the_gil_is_no_free_threaded_one(tmp_path: Path) -> None:
    path = fake(tmp_path / "python3.14t")
    with pytest.raises(UnavailableError, match="is a build with the GIL"):
        verify(path, Request(3, 14, free_threaded=True), origin="PATH")


def test_a_shim_that_fails_is_refused_with_its_own_words(tmp_path: Path) -> None:
    path = script(tmp_path / "python3.14", "echo 'shim: no such version' >&2; exit 127")
    with pytest.raises(UnavailableError, match=r"exit status 127 \(shim: no such version\)"):
        verify(path, WANTED, origin="PATH")


def test_a_program_that_is_no_python_is_refused(tmp_path: Path) -> None:
    path = script(tmp_path / "python3.14", "echo hello")
    with pytest.raises(UnavailableError, match="something other than its facts"):
        verify(path, WANTED, origin="PATH")


def test_a_file_that_cannot_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "python3.14"
    with pytest.raises(UnavailableError, match="does not start"):
        verify(path, WANTED, origin="PATH")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python; what a test puts below it is found."""
    # The scripts' own shell has to be found, and this folder of it only.
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    return tmp_path


def test_nothing_installed_is_said_so(places: Path) -> None:
    with pytest.raises(UnavailableError, match="none on PATH, in pyenv's or in uv's folder"):
        installed.find(WANTED)


def test_path_is_searched_by_versioned_name_and_by_python3(places: Path) -> None:
    expected = fake(places / "path" / "python3")
    fake(places / "path" / "python3.14", missing=["ssl does not import (none)"])
    found = installed.find(WANTED)
    assert (found.path, found.origin) == (expected, "PATH")


def test_the_newest_of_pyenvs_versions_is_taken(places: Path) -> None:
    for version in ("3.14.9", "3.14.10", "3.14.11t", "3.13.12"):
        path = places / "pyenv" / "versions" / version / "bin" / "python3.14"
        fake(path, version=version, free_threaded=version.endswith("t"))
    found = installed.find(WANTED)
    assert (found.version, found.origin) == ("3.14.10", "pyenv")


def test_uvs_free_threaded_builds_are_told_from_the_others(places: Path) -> None:
    for version, suffix in (("3.14.11", ""), ("3.14.9", "t"), ("3.14.10", "t")):
        folder = f"cpython-{version}{'+freethreaded' if suffix else ''}-linux-x86_64-gnu"
        path = places / "uv" / folder / "bin" / f"python3.14{suffix}"
        fake(path, free_threaded=bool(suffix), version=version)
    found = installed.find(Request(3, 14, free_threaded=True))
    assert (found.version, found.path.name, found.origin) == ("3.14.10", "python3.14t", "uv")


def test_every_candidate_that_was_run_is_named_when_none_fits(places: Path) -> None:
    fake(places / "path" / "python3", feature="3.11", version="3.11.2")
    script(places / "pyenv" / "versions" / "3.14.1" / "bin" / "python3.14", "exit 1")
    with pytest.raises(UnavailableError) as refused:
        installed.find(WANTED)
    assert "python3: is 3.11.2" in str(refused.value)
    assert f"3.14.1{os.sep}bin{os.sep}python3.14: exit status 1" in str(refused.value)
