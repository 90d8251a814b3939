"""Requests that have waited too long, in every mode: a 503 each, and none once nothing waits."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from contract.modes import DISTINCT, Mode
from contract.probe import Probe
from contract.serving import Server, until
from contract.wire import Client, Response
from subsrv.admin import client as control

# Seconds; so short that nothing here waits for long, and so long that what is idle is not late.
_LIMIT = "0.1"
_LONG = 0.15


class Limited(Server):
    """A server with one worker, whose queue has a limit, and a control address."""

    def __init__(self, app: str, mode: Mode, folder: Path, *more: str) -> None:
        self.control = f"unix:{folder}/control"
        limit = ("--limit-queue-age", _LIMIT, "--control", self.control)
        super().__init__(f"contract.apps.{app}:app", *mode.flags, "--workers", "1", *limit, *more)

    def place(self) -> dict[str, Any]:
        """What its worker counts."""
        (found,) = control.status(self.control)["places"]
        assert isinstance(found, dict)
        return found


def wait_too_long() -> None:
    """Nothing announces that time has passed."""
    since = time.monotonic()
    until(lambda: time.monotonic() - since > _LONG)


def recovers(client: Client) -> int:
    """Ask until it is served, as it is once nothing waits; how many were refused."""
    refused = 0

    def served() -> bool:
        nonlocal refused
        response = client.get("/")
        refused += response.status == 503
        return response.status == 200

    until(served)
    return refused


def assert_refused(response: Response) -> None:
    assert (response.status, response["retry-after"]) == (503, "1")
    assert "connection" not in response


@pytest.mark.parametrize("threads", [1, 2], ids=["inline", "threads"])
def test_what_waited_too_long(mode: Mode, threads: int, probe: Probe, tmp_path: Path) -> None:
    with (
        Limited("kit_wsgi", mode, tmp_path, "--threads", str(threads)) as server,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(Client(server)) for _ in range(threads + 1)]
        *busy, kept = clients
        kept.assert_open()
        callers = []
        for each in busy:
            each.request(f"/wait?probe={probe.port}")
            callers.append(probe.wait("waiting"))
        new = stack.enter_context(Client(server))
        late = (kept, new)
        kept.request("/")
        new.request("/echo", method="POST", body=b"x" * 1000)
        if threads > 1:  # one loop that is not held up: that it has them can be known
            until(lambda: bool(server.place()["in_flight"] == threads + len(late)))
        wait_too_long()
        callers[0].answer()
        for each in late:
            assert_refused(each.response())
        assert busy[0].response().status == 200
        refused = sum(recovers(each) for each in (*late, busy[0]))
        for caller in callers[1:]:
            caller.answer()
        for each in busy[1:]:
            assert each.response().status == 200
        counters = server.place()["counters"]
        assert counters["expired"] == refused + len(late)
        assert counters["overloaded"] == 0
        status, metrics = control.request(server.control, "GET", "/metrics")
        assert status == 200
        counted = (
            f'subsrv_requests_overloaded_total{{worker="0",limit="queue_age"}} {refused + 2}\n'
        )
        assert counted in metrics.decode()


# What follows is the same loop's in every mode.


@pytest.mark.parametrize("mode", DISTINCT[:1], indirect=True, ids=str)
@pytest.mark.parametrize("reactor", ["epoll", "portable"])
@pytest.mark.parametrize("bind", ["127.0.0.1:0", "unix:"])
def test_whoever_waits_and_wherever(
    mode: Mode, bind: str, reactor: str, probe: Probe, tmp_path: Path
) -> None:
    """A native handler; over a Unix socket, too, of which the kernel says nothing."""
    address = bind if bind != "unix:" else f"unix:{tmp_path}/socket"
    flags = ("--bind", address, "--reactor", reactor)
    with (
        Limited("kit_native", mode, tmp_path, *flags) as server,
        Client(server) as busy,
        Client(server) as kept,
    ):
        kept.assert_open()
        busy.request(f"/blocking?{probe.port}")
        caller = probe.wait("waiting")
        kept.request("/")
        wait_too_long()
        caller.answer()
        assert_refused(kept.response())
        assert busy.response().status == 200
        refused = recovers(kept)
        assert server.place()["counters"]["expired"] == refused + 1


@pytest.mark.parametrize("mode", DISTINCT[:1], indirect=True, ids=str)
def test_what_the_application_itself_has_wait_is_not_counted(
    mode: Mode, probe: Probe, tmp_path: Path
) -> None:
    """It has begun; `--limit-concurrency` is for that."""
    with (
        Limited("kit_asgi", mode, tmp_path) as server,
        Client(server) as waiting,
        Client(server) as other,
    ):
        waiting.request(f"/wait?probe={probe.port}")
        caller = probe.wait("waiting")
        wait_too_long()
        recovers(other)
        caller.answer()
        assert waiting.response().status == 200
