"""Which changes of source files count, and how they are told."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from subsrv import watching
from subsrv.config import Config
from subsrv.watching import Filter

DEFAULT = Filter(Config().reload_include, Config().reload_exclude)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ("a.py", "b.txt", ".c.py", "sub/d.py", "sub/.venv/e.py", "__pycache__/f.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    return tmp_path


def names(folder: Path, wanted: Filter) -> set[str]:
    return {str(Path(path).relative_to(folder)) for path in watching.scan([str(folder)], wanted)}


def test_sources_count_and_what_is_hidden_or_made_does_not(folder: Path) -> None:
    assert names(folder, DEFAULT) == {"a.py", "sub/d.py"}
    assert names(folder, Filter(["*"], ["sub"])) == {"a.py", "b.txt", ".c.py", "__pycache__/f.py"}


@pytest.mark.parametrize("path", ["a.py", "b.txt", ".c.py", "sub/d.py", "sub/.venv/e.py"])
def test_one_path_is_judged_as_all_are(folder: Path, path: str) -> None:
    judged = DEFAULT.takes_path(str(folder), str(folder / path))
    assert judged == (path in names(folder, DEFAULT))


def test_files_that_come_go_and_change_are_told(folder: Path) -> None:
    looks = iter([False, False, False, False, True])
    changes = watching.poll([str(folder)], DEFAULT, lambda _seconds: next(looks))
    for action in (
        lambda: (folder / "a.py").write_text("changed"),
        lambda: (folder / "sub/d.py").unlink(),
        lambda: (folder / "new.py").write_text(""),
    ):
        action()
        (folder / "b.txt").write_text("of no interest")
        assert Path(next(changes)).suffix == ".py"
    assert list(changes) == []


def test_watchfiles_is_asked_where_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("watchfiles")

    def watch(*folders: str, **_options: object) -> Iterator[set[tuple[int, str]]]:
        assert folders == (str(folder),)
        yield {(1, str(folder / "b.txt"))}
        yield {(1, str(folder / ".c.py")), (2, str(folder / "sub/d.py"))}

    monkeypatch.setattr(module, "watch", watch, raising=False)
    monkeypatch.setitem(sys.modules, "watchfiles", module)
    monkeypatch.setattr(sys, "stdin", (folder / "a.py").open())
    with sys.stdin:
        assert list(watching.follow([str(folder)], DEFAULT)) == [str(folder / "sub/d.py")]
