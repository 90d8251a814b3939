"""What an operator asks for by signals, and workers that have served enough: over fake workers."""

import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest
from fake_server import MODES, FakeServer, mode_name

from subsrv import recycling
from subsrv.config import Config
from subsrv.crew import Worker
from subsrv.errors import ConfigError
from subsrv.recycling import Recycling

each_mode = pytest.mark.parametrize("mode", MODES, ids=mode_name)


# ---- signals


@each_mode
def test_one_worker_more_and_one_less(mode: dict[str, Any]) -> None:
    with FakeServer(workers=1, **mode).wait_ready() as server:
        server.process.send_signal(signal.SIGTTIN)
        server.wait_log("2 workers from now on")
        server.all_workers(2)
        server.process.send_signal(signal.SIGTTOU)
        server.wait_log("1 workers from now on")
        # The last one stays.
        server.process.send_signal(signal.SIGTTOU)
        server.wait_log("1 workers from now on")
        server.who()
        assert server.finish(signal.SIGTERM) == 0


def test_a_quick_stop_drops_what_is_in_flight() -> None:
    """Even if a drain has begun, which waits for it."""
    with FakeServer(mode="thread", graceful_timeout=3600).wait_ready() as server:
        assert server.finish(signal.SIGQUIT) == 0
    with FakeServer(mode="process", graceful_timeout=3600, margin=0.1).wait_ready() as server:
        assert server.ask("hang") == "hanging\n"
        server.process.send_signal(signal.SIGTERM)
        assert server.finish(signal.SIGQUIT) == 1
        assert "the time to stop is over: killing 1 workers" in server.log


def test_workers_are_told_to_reopen_their_logs() -> None:
    with FakeServer(mode="thread", workers=2).wait_ready() as server:
        server.process.send_signal(signal.SIGUSR1)
        server.wait_log("reopened")
        server.wait_log("reopened")
        assert server.finish(signal.SIGTERM) == 0


@each_mode
def test_the_sockets_are_handed_to_a_new_server(mode: dict[str, Any], tmp_path: Path) -> None:
    bind = [f"unix:{tmp_path}/s", "127.0.0.1:0"]
    with FakeServer(workers=1, bind=bind, **mode).wait_ready() as server:
        url = server.ready.split()[2]
        server.process.send_signal(signal.SIGUSR2)
        line = server.wait_log("the new server accepts: pid")
        new = int(re.findall(r"\d+", line)[-1])
        try:
            # The old one drains and ends; the path and the port are the new one's.
            assert server.process.wait() == 0
            server.wait_ready()
            assert f"pid={new} " in server.ready
            assert server.ready.split()[2] == url
            server.who()
        finally:
            os.kill(new, signal.SIGTERM)
        # Its standard error is the old one's: it ends with the process.
        server.finish()
        assert not Path(f"{tmp_path}/s").exists()


def test_a_new_server_that_does_not_start_changes_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with FakeServer(mode="thread", faults={"all": ["once", str(marker)]}).wait_ready() as server:
        server.process.send_signal(signal.SIGUSR2)
        server.wait_log("the new server did not start; this one serves on")
        server.who()
        assert server.finish(signal.SIGTERM) == 0


# ---- recycling


@each_mode
def test_a_worker_that_has_served_enough_is_replaced(mode: dict[str, Any]) -> None:
    with FakeServer(workers=2, **mode).wait_ready() as server:
        before = server.all_workers(2)
        server.tell("spend")
        server.wait_log("worker . is recycled: it was told so")
        server.wait_log("recycled: 1 new worker accepts")
        after = server.all_workers(2)
        assert len([worker for worker in after if worker in before]) == 1
        assert server.finish(signal.SIGTERM) == 0


def test_workers_are_replaced_at_the_end_of_their_lives_one_at_a_time() -> None:
    with FakeServer(mode="thread", workers=2, max_lifetime=0.2).wait_ready() as server:
        for _ in range(4):
            server.wait_log("worker . is recycled: it has served for 0 s")
            server.wait_log("recycled: 1 new worker accepts")
        assert server.finish(signal.SIGTERM) == 0


def test_a_process_that_grows_is_replaced() -> None:
    with FakeServer(mode="process", max_rss=1 << 20).wait_ready() as server:
        server.wait_log("worker 0 is recycled: it uses [0-9]+ MiB of memory")
        server.wait_log("recycled")
        assert server.finish(signal.SIGTERM) == 0


def test_where_workers_share_a_process_new_ones_are_not_to_blame() -> None:
    with FakeServer(mode="thread", max_rss=1 << 20).wait_ready() as server:
        server.wait_log("the process uses [0-9]+ MiB of memory, and its workers are new")
        server.who()
        assert server.finish(signal.SIGTERM) == 0


def worker(index: int, *, since: float, pid: int) -> Worker:
    nothing = cast(Any, None)
    return Worker(
        index=index,
        handle=nothing,
        channel=nothing,
        rescue=None,
        held=False,
        ready={"pid": pid},
        since=since,
    )


def test_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recycling, "rss", lambda _pid: 300 << 20)
    now = time.monotonic()
    workers = [worker(index, since=now - age, pid=os.getpid()) for index, age in ((0, 70), (1, 90))]
    chosen = Recycling(Config(max_rss=1 << 20)).chosen(workers, now)
    assert chosen is workers[1]
    assert chosen.spent == "the process uses 300 MiB of memory"


def test_after_a_failure_it_is_postponed() -> None:
    policy = Recycling(Config(max_lifetime=10.0))
    old = worker(0, since=0.0, pid=0)
    policy.postpone(100.0, 30.0)
    assert policy.alarm([old]) == 130.0
    assert policy.chosen([old], 129.0) is None
    assert policy.chosen([old], 130.0) is old


def test_lifetimes_end_a_little_apart() -> None:
    policy = Recycling(Config(max_lifetime=100.0))
    ends = [policy.alarm([worker(0, since=0.0, pid=0)]) for _ in range(50)]
    assert 90.0 <= min(ends) < max(ends) <= 100.0


@pytest.mark.parametrize("option", ["max_requests", "max_lifetime", "max_rss"])
def test_interpreters_that_leak_are_not_recycled(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {option: 1000}
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(ConfigError, match=f"^--{option.replace('_', '-')}: CPython 3.13 does not"):
        recycling.check(Config(**settings))
    recycling.check(Config(**settings, force_recycling=True))
    recycling.check(Config(**settings, mode="process"))
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    recycling.check(Config(**settings))
