"""A request that hangs its worker: another serves, and the others of that worker are finished."""

import sys
from pathlib import Path

import pytest

from contract.modes import DISTINCT, POSSIBLE, Mode
from contract.probe import Probe
from contract.serving import Server
from contract.wire import Client, request

APP = "contract.apps.hanging"
FLAGS = ("--workers", "1", "--hang-timeout", "1")
ELSEWHERE = ("--app-dir", str(Path(__file__).parents[2]))


def expect_rescue(server: Server) -> None:
    """What is said of it, and where the request was."""
    server.wait_for("^subsrv: worker 0 hangs: its loop has not turned for 1 s; starting another")
    if sys._is_gil_enabled():
        server.wait_for(r"worker 0 is stuck here:\n(?: .*\n)* .*hanging.py.*, in spin")
    server.wait_for("worker 0 goes on, and drains")
    server.expect("subsrv.interruption.Interrupted")


def test_a_request_that_hangs_is_ended_and_the_others_are_not(mode: Mode, probe: Probe) -> None:
    with (
        Server(f"{APP}:asgi", *mode.flags, *FLAGS) as server,
        Client(server) as waiting,
        Client(server) as hanging,
        Client(server) as late,
    ):
        late.assert_open()
        waiting.send(request(f"/wait?probe={probe.port}"))
        caller = probe.wait("waiting")
        hanging.send(request("/spin"))
        expect_rescue(server)
        assert hanging.response().status == 500
        with Client(server) as client:
            client.assert_open()
        late.sock.settimeout(1)
        late.assert_closed()
        caller.answer()
        response = waiting.response()
        assert response.body == b"0"
        assert response["connection"] == "close"


def test_it_is_not_interrupted_again_while_it_deals_with_that(mode: Mode, probe: Probe) -> None:
    with (
        Server(f"{APP}:slow", *mode.flags, *FLAGS) as server,
        Client(server) as waiting,
        Client(server) as hanging,
    ):
        waiting.send(request(f"/wait?probe={probe.port}"))
        caller = probe.wait("waiting")
        hanging.send(request("/spin"))
        expect_rescue(server)
        assert hanging.response().status == 500
        caller.answer()
        assert waiting.response().body == b"0"
        # It struck the application, and not the logging of that.
        assert server.log.count("subsrv.interruption.Interrupted") == 1
        assert "in filter" not in server.log


# How the exception leaves an application differs by interface, and not by mode.
@pytest.mark.parametrize("mode", DISTINCT[:1], indirect=True, ids=str)
@pytest.mark.parametrize("interface", ["wsgi", "native"])
def test_whatever_the_interface_its_client_gets_an_answer(mode: Mode, interface: str) -> None:
    with (
        Server(f"{APP}:{interface}", *mode.flags, *FLAGS) as server,
        Client(server) as hanging,
    ):
        hanging.send(request("/spin"))
        expect_rescue(server)
        assert hanging.response().status == 500
        with Client(server) as client:
            client.assert_open()


# In the others, what waits in C is left behind: tests/test_hang.py.
@pytest.mark.parametrize("mode", [m for m in POSSIBLE if m.processes], indirect=True, ids=str)
def test_a_lock_that_never_comes_free_is_broken_off_in_a_process(mode: Mode) -> None:
    with (
        Server("experiments.apps.faulty:app", *mode.flags, *FLAGS, *ELSEWHERE) as server,
        Client(server) as hanging,
    ):
        hanging.send(request("/lock"))
        server.wait_for("worker 0 goes on, and drains")
        server.expect("subsrv.interruption.Interrupted")
        assert hanging.response().status == 500
