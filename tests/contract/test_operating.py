"""What an operator does to a server that serves, and what it does to its workers by itself."""

import contextlib
import os
import signal

import pytest

from contract.modes import POSSIBLE, Mode
from contract.serving import Server, until
from contract.visitors import visiting
from contract.wire import Client

APP = "contract.apps.versioned:app"


def test_workers_that_have_served_their_requests_are_replaced(mode: Mode) -> None:
    """Again and again, and no client notices."""
    # Counted at each tick of the coarse clock, which is a quarter of the shortest time-out.
    flags = ("--max-requests", "50", "--max-requests-jitter", "10", "--timeout-write", "0.1")
    more = ("--force-recycling", "--workers", "2")
    with Server(APP, *mode.flags, *flags, *more) as server:
        with visiting(server):
            server.wait_for(r"(?s:(?:.*^subsrv: recycled: 1 new worker accepts$){3})")
        server.wait_for(r"^subsrv: worker \d is recycled: it has served \d+ requests$")


# The supervisor does it, which is the same in all modes; but it forks a process with interpreters.
@pytest.mark.parametrize(
    "mode", [m for m in POSSIBLE if m.name in ("interp", "spawn")], indirect=True, ids=str
)
def test_a_new_server_takes_over_and_no_client_notices(mode: Mode) -> None:
    with Server(APP, *mode.flags, "--workers", "2") as server, contextlib.ExitStack() as stack:
        with visiting(server):
            server.send_signal(signal.SIGUSR2)
            new = int(server.wait_for(r"the new server accepts: pid (\d+)")[1])
            stack.callback(until, lambda: not os.path.exists(f"/proc/{new}"))
            stack.callback(os.kill, new, signal.SIGTERM)
            assert server.process.wait(30) == 0
        with Client(server) as client:
            assert client.get("/").body == b"1 h1 /"
        server.assert_quiet()
