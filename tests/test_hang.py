"""Workers that hang: noticed, replaced, rescued or left behind."""

import signal
import sys
from typing import Any, cast

import pytest
from fake_server import IN_PROCESS, MODES, PROCESSES, FakeServer, mode_name, wait_gone

from subsrv import hang
from subsrv.control import Message
from subsrv.crew import Crew, Worker
from subsrv.errors import SubsrvError
from subsrv.hang import HangWatch

each_mode = pytest.mark.parametrize("mode", MODES, ids=mode_name)
in_process = pytest.mark.parametrize("mode", IN_PROCESS, ids=mode_name)
# What blocks them blocks only them: threads share a GIL, or the fate of a build without.
isolated = pytest.mark.parametrize("mode", [{"mode": "interp"}, *PROCESSES], ids=mode_name)
# What cannot be stopped for a collection stops the whole process; and a signal does reach the
# process whose other threads need no GIL.
needs_gil = pytest.mark.skipif(not sys._is_gil_enabled(), reason="nothing holds a GIL here")

# Long enough for a worker that does not hang to answer, on a machine that is busy.
TIMEOUT = 1.0


@needs_gil
@isolated
def test_one_that_hangs_in_c_is_killed_or_left_behind(mode: dict[str, Any]) -> None:
    fast: dict[str, Any] = {"hang_timeout": TIMEOUT, "step": 0.1, "margin": 0.1}
    with FakeServer(workers=2, **fast, **mode).wait_ready() as server:
        server.all_workers(2)
        assert server.ask("hold") == "hanging\n"
        server.wait_log("worker . hangs")
        if mode["mode"] == "process":
            server.wait_log("killing worker")
            server.wait_log("worker . died: killed by SIGKILL; it was draining")
        else:
            server.wait_log("worker . cannot be ended: it is left behind, as 0 others are")
        server.all_workers(2)
        # What is left behind prevents an end in good order.
        assert server.finish(signal.SIGTERM) == (0 if mode["mode"] == "process" else 1)


@in_process
def test_too_many_of_them_end_the_server_if_it_may(mode: dict[str, Any]) -> None:
    fast: dict[str, Any] = {"hang_timeout": TIMEOUT, "step": 0.1, "margin": 0.1}
    limit: dict[str, Any] = {"hang_limit": 1, "hang_exit": True}
    with FakeServer(workers=2, **limit, **fast, **mode).wait_ready() as server:
        assert server.ask("hang") == "hanging\n"
        assert server.finish() == 5
        assert "workers that hang and cannot be ended: 1; only starting" in server.log


def test_too_many_of_them_are_not_replaced_any_more() -> None:
    fast: dict[str, Any] = {"hang_timeout": TIMEOUT, "step": 0.1, "margin": 0.1}
    with FakeServer(mode="thread", workers=2, hang_limit=1, **fast).wait_ready() as server:
        assert server.ask("hang") == "hanging\n"
        server.wait_log("only starting the server anew .*; the workers that do not hang serve on")
        assert server.ask("hang") == "hanging\n"
        server.wait_log("hangs: .*; its place stays empty")
        server.who()
        # The last one: then there is nobody left to serve.
        assert server.ask("hang") == "hanging\n"
        assert server.finish() == 5


@each_mode
def test_an_old_worker_that_does_not_end_does_not_stop_a_reload(mode: dict[str, Any]) -> None:
    fast: dict[str, Any] = {"graceful_timeout": 0.1, "margin": 0.1}
    with FakeServer(workers=1, hang_timeout=60, **fast, **mode).wait_ready() as server:
        assert server.ask("hang") == "hanging\n"
        server.process.send_signal(signal.SIGHUP)
        server.wait_log("worker 0 does not end")
        server.wait_log("reloaded: 1 new worker accepts")
        server.who()
        children = server.children()
        assert server.finish(signal.SIGTERM) == (mode in IN_PROCESS)
        wait_gone(children)


# ---- the policy, by a clock of its own


class StuckHandle:
    """Of a worker that cannot be killed."""

    def kill(self) -> bool:
        return False


class Silent:
    """A channel to a worker; what it was sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, type_: str, **_fields: object) -> None:
        self.sent.append(type_)


class Story:
    """A watch over one worker, and what it told."""

    def __init__(self) -> None:
        self.channel, self.rescue = Silent(), Silent()
        self.worker = Worker(
            index=0,
            handle=cast(Any, StuckHandle()),
            channel=cast(Any, self.channel),
            rescue=cast(Any, self.rescue),
            held=False,
            ready={"gil": True},
        )
        self.watch = HangWatch(cast(Crew, [self.worker]), 8.0, self)
        self.told: list[str] = []

    def hangs(self, _worker: Worker, _error: SubsrvError) -> None:
        self.told.append("hangs")

    def left_behind(self, _worker: Worker) -> None:
        self.told.append("left behind")

    def until(self, end: float) -> None:
        """Look whenever it is due."""
        while (now := self.watch.alarm()) <= end:
            self.watch.look(now)


@pytest.fixture
def story() -> Story:
    made = Story()
    made.watch.look(100.0)
    return made


def test_it_asks_and_is_patient_with_one_that_answers(story: Story) -> None:
    for second in range(100, 200, 2):
        story.until(second)
        story.watch.heard(story.worker, Message("pong", {}))
    assert story.told == []
    assert 45 <= story.channel.sent.count("ping") <= 50


def test_a_question_is_asked_once(story: Story) -> None:
    story.until(109.0)
    assert story.channel.sent == ["ping"]
    assert story.told == []


def test_after_the_time_out_it_is_rescued_twice_and_left(story: Story) -> None:
    story.until(110.0)
    assert story.told == ["hangs"]
    story.until(200.0)
    assert story.told == ["hangs", "left behind"]
    assert story.rescue.sent == ["rescue"] * hang._ATTEMPTS
    assert story.watch.crowded(1)
    assert not story.watch.crowded(2)


def test_while_it_deals_with_the_first_attempt_others_do_not_count(story: Story) -> None:
    story.until(110.0)
    for second in range(110, 110 + hang._RESPITES):
        story.until(second)
        story.watch.heard(story.worker, Message("dealing", {}))
    assert story.told == ["hangs"]
    story.until(110 + hang._RESPITES + hang._ATTEMPTS)
    assert story.told == ["hangs", "left behind"]


def test_it_does_not_deal_with_it_for_ever(story: Story) -> None:
    for second in range(110, 130):
        story.until(second)
        story.watch.heard(story.worker, Message("dealing", {}))
    assert story.told == ["hangs", "left behind"]


def test_one_that_comes_back_is_left_alone(story: Story) -> None:
    story.until(200.0)
    story.watch.heard(story.worker, Message("pong", {}))
    assert not story.watch.crowded(1)
    assert not story.worker.hung


def test_a_supervisor_that_was_held_up_blames_nobody(story: Story) -> None:
    story.until(103.0)
    story.watch.look(150.0)
    assert story.told == []
    story.until(157.0)
    assert story.told == []
    story.until(158.5)
    assert story.told == ["hangs"]
