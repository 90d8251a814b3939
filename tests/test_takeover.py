"""SIGHUP: new workers take over from those that serve, over fake workers of every kind."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from fake_server import MODES, FakeServer, mode_name, wait_gone

each_mode = pytest.mark.parametrize("mode", MODES, ids=mode_name)


@each_mode
def test_no_old_worker_accepts_once_it_is_said(mode: dict[str, Any]) -> None:
    with FakeServer(workers=3, **mode).wait_ready() as server:
        before = server.all_workers(3)
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("reloaded: 3 new workers accept")
        assert not [worker for worker in server.all_workers(3) if worker in before]
        assert server.finish(signal.SIGTERM) == 0
        assert server.log == "subsrv: reloading\nsubsrv: reloaded: 3 new workers accept\n"


@each_mode
def test_all_or_none_of_the_new_workers_take_over(mode: dict[str, Any], tmp_path: Path) -> None:
    """Of three, one fails; it has been a worker before, so the marker fails it the second time."""
    faults = {"1": ["once", f"{tmp_path}/marker"]}
    with FakeServer(workers=3, faults=faults, **mode).wait_ready() as server:
        before = server.all_workers(3)
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("loads only once; not reloaded, the workers that serve go on")
        after = server.all_workers(3)
        assert sorted(map(str, after)) == sorted(map(str, before))
        Path(f"{tmp_path}/marker").unlink()
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("reloaded: 3 new workers accept")
        assert server.finish(signal.SIGTERM) == 0


def test_what_is_asked_for_meanwhile_is_done_afterwards() -> None:
    """However often: the code may have changed since the first began."""
    with FakeServer(mode="thread", workers=1).wait_ready() as server:
        for _ in range(20):
            server.process.send_signal(signal.SIGHUP)
        server.wait_log("reloaded")
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("reloading")
        server.wait_log("reloaded")
        server.who()
        assert server.finish(signal.SIGTERM) == 0


@each_mode
def test_it_can_be_stopped_meanwhile(mode: dict[str, Any], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    faults = {"0": ["later", f"{tmp_path}/marker", str(fifo)]}
    with FakeServer(workers=2, faults=faults, margin=0.1, graceful_timeout=0.1, **mode) as server:
        server.wait_ready().process.send_signal(signal.SIGHUP)
        assert fifo.read_text() == "started\n"
        children = server.children()
        # By force: the new worker hangs before it could hear.
        assert server.finish(signal.SIGTERM) == 1
        wait_gone(children)
        assert "reloaded" not in server.log


def test_a_worker_that_dies_meanwhile_is_replaced_by_the_new_one() -> None:
    with FakeServer(mode="thread", workers=2).wait_ready() as server:
        server.tell("die")
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("reloaded: 2 new workers accept")
        server.all_workers(2)
        assert server.finish(signal.SIGTERM) == 0
