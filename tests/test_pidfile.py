"""The file of --pid-file."""

import os
from pathlib import Path

import pytest

from subsrv import pidfile
from subsrv.errors import ConfigError


def test_it_is_written_whole_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = pidfile.check("pid")
    assert path == str(tmp_path / "pid")
    pidfile.write(path)
    assert (tmp_path / "pid").read_text() == f"{os.getpid()}\n"
    assert os.listdir(tmp_path) == ["pid"]
    pidfile.remove(path)
    assert os.listdir(tmp_path) == []
    pidfile.remove(path)


def test_another_servers_is_left(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    pidfile.write(str(path))
    path.write_text("1\n")
    pidfile.remove(str(path))
    assert path.read_text() == "1\n"


def test_a_place_where_none_can_be(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path, "it is a folder"),
        (tmp_path / "no" / "pid", "its folder does not exist"),
    ):
        with pytest.raises(ConfigError, match=f"^pid-file {path} cannot be written: {reason}$"):
            pidfile.check(str(path))
