"""The supervisor: from the first bind to the exit status, over fake workers of every kind."""

import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_server import ENTRY, IN_PROCESS, MODES, FakeServer, mode_name, wait_gone

from subsrv import backends, backoff
from subsrv.backends import WorkerHandle
from subsrv.backends.thread import ThreadBackend
from subsrv.config import Config
from subsrv.errors import AppLoadError, SubsrvError, WorkerStartError
from subsrv.ready import ReadyInfo
from subsrv.spec import Spec
from subsrv.supervisor import Supervisor

each_mode = pytest.mark.parametrize("mode", MODES, ids=mode_name)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"{tmp_path}/notify")
        yield sock


# ---- starting


def test_the_ready_line_says_what_serves_where(tmp_path: Path) -> None:
    gil = {"interp": "per-interpreter", "thread": "shared", "process": "per-process"}
    for mode in MODES:
        bind = ["127.0.0.1:0", f"unix:{tmp_path}/s"]
        with FakeServer(workers=2, bind=bind, **mode).wait_ready() as server:
            word, tcp, unix, *fields = server.ready.split()
            assert (word, unix) == ("ready", f"unix:{tmp_path}/s")
            assert tcp.startswith("http://127.0.0.1:")
            info = dict(field.split("=") for field in fields)
            assert info["mode"] == mode["mode"]
            assert info["workers"] == "2"
            assert info["pid"] == str(server.process.pid)
            assert info["python"] == ".".join(map(str, sys.version_info[:3]))
            assert info["gil"] == (gil[mode["mode"]] if sys._is_gil_enabled() else "off")


@each_mode
def test_a_worker_that_fails_to_start_ends_the_server(mode: dict[str, Any]) -> None:
    with FakeServer(workers=3, faults={"1": "fail"}, **mode).wait_ready() as server:
        assert server.ready == ""
        assert server.finish() == 3
        assert server.log == "subsrv: cannot load the app\nits traceback\n"
        assert server.children() == []


@each_mode
def test_a_worker_that_dies_at_its_start_ends_the_server(mode: dict[str, Any]) -> None:
    with FakeServer(workers=2, faults={"0": "die"}, **mode).wait_ready() as server:
        assert server.finish() == 4
        first, *trace = server.log.splitlines()
        assert first == "subsrv: worker 0 died: RuntimeError: boom at the start"
        assert "RuntimeError: boom at the start" in trace


@each_mode
def test_a_failed_start_does_not_wait_for_one_that_hangs(
    mode: dict[str, Any], tmp_path: Path
) -> None:
    faults = {"0": "fail", "1": ["hang", os.devnull]}
    with FakeServer(workers=2, faults=faults, margin=0.1, **mode).wait_ready() as server:
        assert server.finish() == 3
        assert "subsrv: cannot load the app" in server.log


@each_mode
def test_sigterm_while_starting_ends_it(mode: dict[str, Any], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with FakeServer(faults={"all": ["hang", str(fifo)]}, margin=0.1, **mode) as server:
        assert fifo.read_text() == "started\n"
        children = server.children()
        assert server.finish(signal.SIGTERM) == 1
        wait_gone(children)


def test_a_port_in_use_is_told_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with FakeServer(bind=["127.0.0.1:0", address]) as server:
            assert server.finish() == 1
            assert server.log.startswith(f"subsrv: cannot bind {address}: Address already in use\n")


def test_by_default_there_is_a_worker_for_each_usable_cpu() -> None:
    with FakeServer(mode="thread", workers=0, env={"PYTHON_CPU_COUNT": "3"}) as server:
        assert " workers=3 " in server.wait_ready().ready


# ---- listening


@each_mode
def test_a_unix_socket_is_served_and_removed(mode: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "s"
    with FakeServer(bind=[f"unix:{path}"], **mode).wait_ready() as server:
        server.who()
        assert server.finish(signal.SIGTERM) == 0
        assert not path.exists()


@each_mode
def test_an_inherited_socket_is_served_and_left_open(mode: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        with FakeServer(bind=[f"fd://{sock.fileno()}"], **mode).wait_ready() as server:
            server.who()
            assert server.finish(signal.SIGTERM) == 0
        with socket.create_connection(sock.getsockname()):
            pass


# ---- stopping


@each_mode
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_waits_for_what_is_in_flight(
    mode: dict[str, Any], number: signal.Signals, tmp_path: Path, manager: socket.socket
) -> None:
    env = {"NOTIFY_SOCKET": manager.getsockname()}
    with FakeServer(workers=2, env=env, **mode).wait_ready() as server:
        assert manager.recv(100) == b"READY=1"
        connection = server.tell("who")
        busy = connection.makefile().readline()
        server.process.send_signal(number)
        assert manager.recv(100) == b"STOPPING=1"
        assert server.process.poll() is None
        connection.close()
        assert json.loads(busy)
        assert server.finish() == 0
        assert server.log == ""


@each_mode
def test_a_second_signal_ends_it_at_once(
    mode: dict[str, Any], tmp_path: Path, manager: socket.socket
) -> None:
    env = {"NOTIFY_SOCKET": manager.getsockname()}
    bind = [f"unix:{tmp_path}/s"]
    with FakeServer(workers=2, bind=bind, env=env, **mode).wait_ready() as server:
        assert server.ask("hang") == "hanging\n"
        server.process.send_signal(signal.SIGTERM)
        assert [manager.recv(100) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]
        children = server.children()
        # One that comes at once would be taken for the first one's echo.
        server.signal_until_gone(signal.SIGTERM)
        assert server.finish() == 1
        assert "a second signal" in server.log
        assert not Path(f"{tmp_path}/s").exists()
        wait_gone(children)


@each_mode
def test_a_worker_that_does_not_drain_in_time_is_not_waited_for(mode: dict[str, Any]) -> None:
    with FakeServer(graceful_timeout=0.1, margin=0.1, **mode).wait_ready() as server:
        assert server.ask("hang") == "hanging\n"
        assert server.finish(signal.SIGTERM) == 1
        assert "the time to stop is over" in server.log
        assert ("cannot be killed" in server.log) == (mode in IN_PROCESS)


@pytest.mark.parametrize(
    ("mode", "status"), [("interp", 1), ("process", 0)], ids=["interp", "process"]
)
def test_a_thread_that_an_application_left_behind_is_not_waited_for(mode: str, status: int) -> None:
    faults = {"all": "litter"}
    with FakeServer(mode=mode, faults=faults, graceful_timeout=3600, margin=0.1) as server:
        server.wait_ready()
        assert server.finish(signal.SIGTERM) == status


# ---- replacing


@each_mode
def test_the_others_serve_on_while_one_is_replaced(mode: dict[str, Any]) -> None:
    with FakeServer(workers=3, **mode).wait_ready() as server:
        before = server.all_workers(3)
        server.tell("die")
        server.wait_log("died: RuntimeError: boom; starting another")
        server.who()
        after = server.all_workers(3)
        assert len([worker for worker in after if worker in before]) == 2
        assert server.finish(signal.SIGTERM) == 0


@each_mode
def test_a_replacement_that_fails_is_tried_again_later(
    mode: dict[str, Any], tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    with FakeServer(faults={"all": ["once", str(marker)]}, **mode).wait_ready() as server:
        server.tell("die")
        server.wait_log("loads only once; starting another in 0.5 s")
        marker.unlink()
        server.who()
        assert server.finish(signal.SIGTERM) == 0


# ---- in this process, where the policy can be hurried and the backend replaced


class Here:
    """Runs a supervisor over one thread in this process's main thread."""

    def __init__(self) -> None:
        self.backend: backends.Backend = ThreadBackend(ENTRY, nogil=False)
        self.on_ready: Callable[[ReadyInfo], object] = self.stop

    def run(self) -> int:
        config = Config(mode="thread", workers=1, bind=("127.0.0.1:0",))
        return Supervisor(config, on_ready=self.on_ready, backend=self.backend).run()

    @staticmethod
    def stop(_info: ReadyInfo) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    @staticmethod
    def ask(info: ReadyInfo, word: str) -> str:
        host, port = info.urls[0].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(word.encode())
            return connection.makefile().readline()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Here]:
    monkeypatch.setattr(logging.getLogger("subsrv"), "propagate", True)
    yield Here()
    for thread in threading.enumerate():
        if thread.name.startswith("worker-"):
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_signal_handlers_are_restored(here: Here) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    assert here.run() == 0
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_that_comes_twice_at_once_counts_once(here: Here) -> None:
    def stop(info: ReadyInfo) -> None:
        here.stop(info)
        os.kill(os.getpid(), signal.SIGINT)

    here.on_ready = stop
    assert here.run() == 0


def test_it_gives_up_when_no_replacement_can_be_started(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FAULTS", json.dumps({"0": ["once", f"{tmp_path}/marker"]}))
    monkeypatch.setattr(backoff, "_FIRST", 0.001)
    here.on_ready = lambda info: here.ask(info, "die")
    with pytest.raises(AppLoadError, match="loads only once") as caught:
        here.run()
    assert caught.value.detail == "its traceback"
    assert caplog.text.count("loads only once; starting another in") == 4


class RefusingBackend:
    """A ThreadBackend whose starts of these numbers the system refuses."""

    def __init__(self, *refused: int) -> None:
        self._starts = 0
        self._refused = refused
        self._threads = ThreadBackend(ENTRY, nogil=False)

    def prepare(self, config: Config) -> None:
        pass

    def refresh(self, config: Config) -> None:
        pass

    def start(self, spec: Spec, *, disown: Callable[[], None]) -> WorkerHandle:
        self._starts += 1
        if self._starts in self._refused:
            for fd in spec.channels:
                os.close(fd)
            raise RuntimeError("can't start new thread")
        return self._threads.start(spec, disown=disown)


def test_a_first_worker_that_the_system_refuses_ends_the_server(here: Here) -> None:
    here.backend = RefusingBackend(1)
    with pytest.raises(WorkerStartError, match="worker 0 cannot be started: can't start new"):
        here.run()


def test_a_replacement_that_the_system_refuses_is_tried_again(
    here: Here, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.backend = RefusingBackend(2)
    monkeypatch.setattr(backoff, "_FIRST", 0.001)

    def die(info: ReadyInfo) -> None:
        here.ask(info, "die")
        threading.Thread(target=stop_when_served, args=(info,)).start()

    def stop_when_served(info: ReadyInfo) -> None:
        here.ask(info, "who")
        here.stop(info)

    here.on_ready = die
    assert here.run() == 0
    assert "can't start new thread; starting another in 0.001 s" in caplog.text


def test_a_signal_breaks_off_the_preparation(here: Here) -> None:
    class Slow(RefusingBackend):
        def prepare(self, config: Config) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("the signal came too late")

    here.backend = Slow()
    assert here.run() == 0


def test_workers_end_when_the_loop_fails(here: Here) -> None:
    def fail(_info: ReadyInfo) -> None:
        raise ZeroDivisionError

    here.on_ready = fail
    with pytest.raises(ZeroDivisionError):
        here.run()


def test_an_address_that_cannot_be_bound_leaves_none_bound(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = ("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
        before = os.listdir("/proc/self/fd")
        with pytest.raises(SubsrvError, match="Address already in use"):
            Supervisor(Config(mode="thread", bind=bind)).run()
        assert len(os.listdir("/proc/self/fd")) == len(before)
