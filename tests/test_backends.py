"""The kinds of worker: that they are what they say, and how each of them ends."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import gilmod_source
import pytest
from fake_server import (
    FREE_THREADED,
    IN_PROCESS,
    MODES,
    PROCESSES,
    FakeServer,
    mode_name,
    wait_gone,
)

from subsrv import backends
from subsrv.backends.thread import ThreadBackend
from subsrv.config import Config
from subsrv.errors import AppLoadError, ConfigError

each_mode = pytest.mark.parametrize("mode", MODES, ids=mode_name)
in_process = pytest.mark.parametrize("mode", IN_PROCESS, ids=mode_name)
processes = pytest.mark.parametrize("mode", PROCESSES, ids=mode_name)


@each_mode
def test_each_worker_is_an_isolate_of_its_own(mode: dict[str, Any]) -> None:
    with FakeServer(workers=3, **mode).wait_ready() as server:
        workers = server.all_workers(3)
        distinct = {name: len({w[name] for w in workers}) for name in workers[0]}
        expected = {
            "interp": {"interpreter": 3, "thread": 3, "pid": 1},
            "thread": {"interpreter": 1, "thread": 3, "pid": 1},
            "nogil": {"interpreter": 1, "thread": 3, "pid": 1},
            "process": {"interpreter": 1, "thread": 3, "pid": 3},
        }
        assert distinct == expected[mode["mode"]]
        in_main = {w["pid"] for w in workers} == {server.process.pid}
        assert in_main == (mode["mode"] != "process")
        assert server.finish(signal.SIGTERM) == 0
        assert server.log == ""


@each_mode
def test_all_workers_accept_from_one_socket(mode: dict[str, Any]) -> None:
    with FakeServer(workers=3, **mode).wait_ready() as server:
        listening = listening_sockets([server.process.pid, *server.children()])
        assert len(set(listening.values())) == 1
        assert len({pid for pid, _ in listening}) == (4 if mode["mode"] == "process" else 1)
        # Each worker has a descriptor of its own, and the supervisor one.
        assert len(listening) == 4


def listening_sockets(pids: list[int]) -> dict[tuple[int, str], str]:
    """The inode of the listening TCP socket behind each (pid, descriptor) that has one."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {fields[9] for fields in map(str.split, lines) if fields[3] == "0A"}  # TCP_LISTEN
    found = {}
    for pid in pids:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
            if match and match[1] in inodes:
                found[pid, fd] = match[1]
    return found


@each_mode
def test_exits_are_clean_run_after_run(mode: dict[str, Any]) -> None:
    # CPython 3.13.0 aborts here (9 of 9) unless the main interpreter imported datetime first.
    for _ in range(3):
        with FakeServer(
            workers=3, faults={"all": ["import", "datetime"]}, **mode
        ).wait_ready() as server:
            assert server.finish(signal.SIGTERM) == 0
            assert server.log == ""


@each_mode
@pytest.mark.parametrize(
    ("command", "reason"),
    [("die", "RuntimeError: boom"), ("exit", "SystemExit: 5"), ("memory", "MemoryError")],
)
def test_an_exception_ends_one_worker_and_is_told(
    mode: dict[str, Any], command: str, reason: str
) -> None:
    if command == "memory" and mode["mode"] == "interp":
        reason = "RuntimeError: out of memory"  # CPython would lose the other
    with FakeServer(**mode).wait_ready() as server:
        before = server.who()
        server.tell(command)
        assert server.wait_log("died") == f"subsrv: worker 0 died: {reason}; starting another\n"
        after = server.who()
        assert after != before
        assert server.finish(signal.SIGTERM) == 0
        assert "Traceback (most recent call last):\n" in server.log
        assert server.log.endswith(f"\n{reason}\n")


@processes
def test_a_killed_process_is_told_by_its_signal(mode: dict[str, Any]) -> None:
    with FakeServer(**mode).wait_ready() as server:
        server.tell("kill")
        assert "worker 0 died: killed by SIGKILL; starting another" in server.wait_log("died")
        server.who()
        assert server.finish(signal.SIGTERM) == 0


@processes
def test_a_death_is_noticed_while_another_process_holds_the_channel(mode: dict[str, Any]) -> None:
    with FakeServer(**mode).wait_ready() as server:
        server.tell("fork")
        assert "killed by SIGKILL" in server.wait_log("died")
        server.who()


@processes
def test_workers_end_when_their_supervisor_is_killed(mode: dict[str, Any]) -> None:
    with FakeServer(workers=3, **mode).wait_ready() as server:
        pids = [worker["pid"] for worker in server.all_workers(3)]
        server.process.kill()
        wait_gone(pids)


@processes
def test_a_signal_to_the_whole_group_is_the_supervisors_to_act_on(mode: dict[str, Any]) -> None:
    with FakeServer(workers=2, **mode).wait_ready() as server:
        for worker in server.all_workers(2):
            os.kill(worker["pid"], signal.SIGINT)
            os.kill(worker["pid"], signal.SIGTERM)
        server.all_workers(2)
        assert server.finish(signal.SIGTERM) == 0
        assert server.log == ""


@in_process
def test_deaths_leave_no_descriptor_behind(mode: dict[str, Any]) -> None:
    with FakeServer(**mode).wait_ready() as server:

        def descriptors() -> int:
            # Asked first: the worker's answer comes after what it opened at its start.
            server.who()
            return len(os.listdir(f"/proc/{server.process.pid}/fd"))

        before = descriptors()
        for _ in range(2):
            server.tell("die")
            server.wait_log("died")
            server.who()
        # The remains of the last one are cleared away meanwhile.
        assert any(descriptors() == before for _ in range(1000))


def test_an_empty_isolate_gets_the_import_path(tmp_path: Path) -> None:
    (tmp_path / "somewhere.py").write_text("def tell(*args): print(args)")
    text = backends.program("somewhere:tell", [str(tmp_path), *sys.path], "it's", 1)
    result = subprocess.run([sys.executable, "-c", text], capture_output=True, check=True)
    assert result.stdout == b'("it\'s", 1)\n'


def test_interp_names_the_missing_backport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    monkeypatch.setitem(sys.modules, "interpreters_backport.interpreters", None)
    with pytest.raises(ConfigError, match="pip install interpreters-pep-734"):
        backends.create(Config(mode="interp")).prepare(Config())


def test_nogil_needs_a_build_and_a_run_without_the_gil() -> None:
    """On a GIL build it refuses; on a free-threaded one, where PYTHON_GIL turned it on."""
    with FakeServer(mode="nogil", env={"PYTHON_GIL": "1"} if FREE_THREADED else {}) as server:
        assert server.finish() == 2
        assert ("its GIL on" if FREE_THREADED else "needs a free-threaded Python") in server.log


if FREE_THREADED:

    @pytest.fixture
    def gilmod(tmp_path: Path) -> Path:
        """A folder with an extension module that has never heard of Py_mod_gil."""
        gilmod_source.build(tmp_path)
        return tmp_path

    def prepare(mode: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
        (folder / "shop.py").write_text(
            "import warnings, gilmod\nwarnings.warn('mine')\ndef app(request): pass\n"
        )
        config = Config(mode=mode, app="shop:app", app_dir=str(folder))
        text = (
            "import sys\nfrom subsrv import backends, errors\nfrom subsrv.config import Config\n"
            f"config = Config.loads({config.dumps()!r})\n"
            "try: backends.create(config).prepare(config)\n"
            "except errors.AppLoadError as error: sys.exit(str(error))\n"
        )
        command = [sys.executable, "-c", text]
        return subprocess.run(
            command, env={**os.environ, **env}, capture_output=True, text=True, check=False
        )

    def test_nogil_names_the_module_that_turns_the_gil_on(gilmod: Path) -> None:
        result = prepare("nogil", gilmod)
        assert result.returncode == 1
        warning, _, error = result.stderr.strip().rpartition("\n")
        assert "extension module gilmod turned the GIL back on" in error
        assert "UserWarning: mine" in warning
        assert "global interpreter lock" not in warning

    def test_thread_lets_it_and_python_warns(gilmod: Path) -> None:
        result = prepare("thread", gilmod)
        assert result.returncode == 0
        assert "to load module 'gilmod'" in result.stderr

    def test_nogil_serves_where_the_gil_is_kept_off(gilmod: Path) -> None:
        result = prepare("nogil", gilmod, PYTHON_GIL="0")
        assert result.returncode == 0


def test_thread_mode_finds_an_app_that_does_not_load_before_any_worker_starts() -> None:
    config = Config(mode="thread", app="no_such_module_anywhere:app")
    with pytest.raises(AppLoadError, match="no_such_module_anywhere"):
        ThreadBackend("fake_worker:run_worker", nogil=False).prepare(config)


def test_the_configuration_is_not_shown_to_everybody() -> None:
    with FakeServer(mode="process").wait_ready() as server:
        [pid] = server.children()
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        assert "subsrv-worker-0" in command
        assert "graceful_timeout" not in " ".join(command)
        assert "graceful_timeout" not in Path(f"/proc/{pid}/environ").read_text()
