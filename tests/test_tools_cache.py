"""Things in the cache are made once and whole, whatever happens to those that make them."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.pythons import cache
from tools.pythons.command import answer, run
from tools.pythons.errors import UnavailableError

ROOT = Path(__file__).resolve().parents[1]

#: Seconds after which a test that waits for a process gives up.
PATIENCE = 30


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "subsrv"


def build(work: Path, final: Path) -> Path:
    (work / "new").mkdir()
    (work / "new" / "file").write_text("content")
    return work / "new"


def finish(final: Path, log: Path) -> dict[str, str]:
    return {"origin": (final / "file").read_text()}


def refuse(work: Path, final: Path) -> Path:
    raise AssertionError("it is there already")


def test_a_thing_is_made_renamed_into_place_and_marked(folder: Path) -> None:
    assert cache.kept("thing") is None
    assert cache.ensure("thing", build, finish) == folder / "thing"
    kept = cache.kept("thing")
    assert kept is not None
    assert kept["origin"] == "content"
    assert not (folder / "work" / "thing").exists()
    assert cache.ensure("thing", refuse, finish) == folder / "thing"


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", "/nowhere")
    assert cache.root() == Path("/nowhere/.cache/subsrv")


def test_a_failed_build_leaves_its_work_for_the_next(folder: Path) -> None:
    def fail(work: Path, final: Path) -> Path:
        (work / "download").write_text("half")
        raise UnavailableError("no network")

    def resume(work: Path, final: Path) -> Path:
        assert (work / "download").read_text() == "half"
        return build(work, final)

    with pytest.raises(UnavailableError, match="no network"):
        cache.ensure("thing", fail, finish)
    assert not (folder / "thing").exists()
    cache.ensure("thing", resume, finish)


def test_what_does_not_pass_its_check_is_made_again() -> None:
    def reject(final: Path, log: Path) -> dict[str, str]:
        raise UnavailableError("does not run")

    with pytest.raises(UnavailableError, match="does not run"):
        cache.ensure("thing", build, reject)
    assert cache.kept("thing") is None
    cache.ensure("thing", build, finish)
    assert cache.kept("thing") is not None


def test_a_copied_cache_does_not_count(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.ensure("thing", build, finish)
    (tmp_path / "other").mkdir()
    folder.rename(tmp_path / "other" / "subsrv")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert cache.kept("thing") is None
    cache.ensure("thing", build, finish)
    assert cache.kept("thing") is not None


#: Makes "thing" by a command that says "building" and waits for a line from standard input;
#: counts in the working folder how often it was begun.
MAKER = """
import subprocess
from tools.pythons import cache

def build(work, final):
    (work / "new").mkdir(exist_ok=True)
    with (work / "builds").open("a") as builds:
        builds.write("x")
    subprocess.run(["sh", "-c", "echo building; read line"], close_fds=False)
    (work / "new" / "builds").write_text((work / "builds").read_text())
    return work / "new"

cache.ensure("thing", build, lambda final, log: {})
print("made", flush=True)
"""


@contextlib.contextmanager
def maker() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)


def read(stream: object) -> str:
    assert hasattr(stream, "readline")
    line = stream.readline()
    assert isinstance(line, str)
    return line.strip()


def test_of_two_runs_one_makes_it_and_the_other_waits(folder: Path) -> None:
    with maker() as first:
        assert read(first.stdout) == "building"
        with maker() as second:
            assert read(second.stderr).endswith("thing: another run is making it; waiting")
            print(file=first.stdin, flush=True)
            assert read(first.stdout) == "made"
            assert read(second.stdout) == "made"
    assert (folder / "thing" / "builds").read_text() == "x"


def test_a_killed_run_holds_the_lock_until_its_last_child_has_ended(folder: Path) -> None:
    with maker() as first:
        assert read(first.stdout) == "building"
        first.kill()
        first.wait(PATIENCE)
        with maker() as second:
            assert read(second.stderr).endswith("thing: another run is making it; waiting")
            print(file=first.stdin, flush=True)  # ends the orphan
            assert read(second.stdout) == "building"
            print(file=second.stdin, flush=True)
            assert read(second.stdout) == "made"
    # The second build went on in the working folder of the first.
    assert (folder / "thing" / "builds").read_text() == "xx"


def test_a_command_that_fails_is_reported_with_its_last_lines_and_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    run(["echo", "before"], log=log, timeout=PATIENCE)
    with pytest.raises(UnavailableError) as failed:
        run(["sh", "-c", "echo one; echo two >&2; echo three; exit 3"], log=log, timeout=PATIENCE)
    assert str(failed.value) == f"sh failed (log: {log}): two | three"
    assert "before" in log.read_text()


def test_an_answer_is_what_the_command_says_itself_and_no_warning(tmp_path: Path) -> None:
    log = tmp_path / "log"
    # What another run, or the command itself, adds to the log meanwhile is no part of it.
    script = f"echo other >> {log}; echo warning >&2; echo answer"
    assert answer(["sh", "-c", script], log=log, timeout=PATIENCE) == "answer\n"
    noted = log.read_text().splitlines()[1:]
    assert noted == ["other", "warning", "answer"]
    with pytest.raises(UnavailableError, match=r"failed .*: warning \| answer"):
        answer(["sh", "-c", "echo answer; echo warning >&2; false"], log=log, timeout=PATIENCE)


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"sleep took longer than 0 s"):
        run(["sleep", "60"], log=tmp_path / "log", timeout=0.1)


def test_a_command_that_is_missing_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no-such-program does not start"):
        run(["no-such-program"], log=tmp_path / "log", timeout=PATIENCE)
