"""SIGHUP: new workers with the application as it is now, and nobody notices but by the answers."""

import signal
import sys
from pathlib import Path

import pytest

from contract.modes import DISTINCT, POSSIBLE, Mode
from contract.probe import Probe
from contract.serving import Server, until
from contract.visitors import visiting
from contract.wire import Client, request
from subsrv.bench import processes

APP = """\
import helper
from contract.apps.calling import call_async

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.{startup}", "message": "not today"}})
        return
    if scope["path"] == "/wait":
        await call_async(scope["query_string"].decode(), "waiting")
    answer = b"{version} " + helper.VERSION + b" " + scope["path"].encode()
    head = [(b"content-length", b"%d" % len(answer))]
    await send({{"type": "http.response.start", "status": 200, "headers": head}})
    await send({{"type": "http.response.body", "body": answer}})
"""


class Shop:
    """The sources of an application, of which there are versions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.write(1)

    def write(self, version: int, *, startup: str = "complete", trailer: str = "") -> None:
        # Of different length each: within a second, that is all by which Python can tell that
        # what it has compiled is stale.
        pad = "#" * version
        app = APP.format(version=version, startup=startup)
        (self._folder / "shop.py").write_text(f"{app}{pad}\n{trailer}\n")
        (self._folder / "helper.py").write_text(f"VERSION = b'h{version}'{pad}\n")

    def serve(self, mode: Mode, *flags: str) -> Server:
        path = ("--app-dir", str(self._folder))
        env = {"PYTHONPATH": str(Path(__file__).parents[1])}
        return Server("shop:app", *mode.flags, *path, *flags, env=env)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def reload(server: Server, count: int = 1) -> None:
    """Send SIGHUP, and wait until so many reloads are over."""
    server.send_signal(signal.SIGHUP)
    server.wait_for(r"(?s:.*^subsrv: reloaded: \d+ new workers? accepts?$)" * count)


def versions(server: Server) -> set[bytes]:
    """What several connections are answered."""
    answers = set()
    for _ in range(6):
        with Client(server) as client:
            answers.add(client.get("/").body)
    return answers


def test_new_code_is_served_once_it_is_ready(mode: Mode, shop: Shop) -> None:
    """The application's other modules too, and again, and by every worker."""
    with shop.serve(mode, "--workers", "2") as server:
        assert versions(server) == {b"1 h1 /"}
        for version in (2, 3):
            shop.write(version)
            reload(server, version - 1)
            assert versions(server) == {b"%d h%d /" % (version, version)}


def test_code_that_does_not_load_leaves_the_old_one_serving(mode: Mode, shop: Shop) -> None:
    """Whether its import or its startup fails."""
    with shop.serve(mode, "--workers", "2") as server, Client(server) as client:
        assert client.get("/").body == b"1 h1 /"
        kept = "; not reloaded, the workers that serve go on$"
        shop.write(2, trailer="1 / 0")
        server.send_signal(signal.SIGHUP)
        server.expect(f"ZeroDivisionError: division by zero{kept}")
        server.expect("^ZeroDivisionError: division by zero$")
        shop.write(3, startup="failed")
        server.send_signal(signal.SIGHUP)
        server.expect(f"the application's startup failed: not today{kept}")
        # The same connection: nothing has been drained.
        assert client.get("/").body == b"1 h1 /"
        shop.write(4)
        reload(server)
        assert versions(server) == {b"4 h4 /"}


def test_old_workers_finish_what_they_have(mode: Mode, shop: Shop, probe: Probe) -> None:
    """By the old code; and a request on a connection that was idle is answered, then it closes."""
    with (
        shop.serve(mode, "--workers", "1") as server,
        Client(server) as busy,
        Client(server) as idle,
        Client(server) as fresh,
    ):
        assert idle.get("/").body == b"1 h1 /"
        busy.send(request(f"/wait?{probe.port}"))
        caller = probe.wait("waiting")
        shop.write(2)
        reload(server)
        assert versions(server) == {b"2 h2 /"}
        for client in (idle, fresh):
            response = client.get("/late")
            assert response.body == b"1 h1 /late"
            assert response["connection"] == "close"
            client.assert_closed()
        caller.answer()
        response = busy.response()
        assert response.body == b"1 h1 /wait"
        assert response["connection"] == "close"
        busy.assert_closed()


# It takes two seconds, and the worker is the same in all modes.
@pytest.mark.parametrize("mode", DISTINCT[:1], indirect=True, ids=str)
def test_an_idle_connection_is_closed_in_the_end(mode: Mode, shop: Shop) -> None:
    with shop.serve(mode, "--workers", "1") as server, Client(server) as idle:
        assert idle.get("/").body == b"1 h1 /"
        reload(server)
        idle.assert_closed()


def test_a_stop_does_not_wait_for_connections_that_part(mode: Mode, shop: Shop) -> None:
    """Of the old generation, an idle one is closed at once then."""
    with shop.serve(mode, "--workers", "1", "--graceful-timeout", "3600") as server:
        with Client(server) as idle:
            assert idle.get("/").body == b"1 h1 /"
            reload(server)
            server.send_signal()
            idle.assert_closed()
        assert server.wait() == 0


@pytest.mark.skipif(sys.version_info < (3, 14), reason="CPython 3.13 leaks at each close")
@pytest.mark.parametrize("mode", [m for m in POSSIBLE if m.name == "interp"], indirect=True)
def test_the_memory_of_old_interpreters_comes_back(mode: Mode, shop: Shop) -> None:
    """All of it, or CPython keeps each one's ten megabytes: nothing may be left in one."""
    with shop.serve(mode, "--workers", "1") as server:
        reload(server)
        before = processes.memory(server.pid).uss
        for count in range(2, 6):
            reload(server, count)
        assert processes.memory(server.pid).uss - before < 25_000_000


# What tells of a change is the same in all modes; what a change does, SIGHUP does, too.
@pytest.mark.parametrize(
    "mode", [m for m in POSSIBLE if m.name in ("interp", "fork")], indirect=True, ids=str
)
def test_a_change_of_a_source_file_is_served(mode: Mode, shop: Shop) -> None:
    with shop.serve(mode, "--workers", "1", "--reload") as server, Client(server) as client:
        server.wait_for("^subsrv: watching the sources in .* by ")
        shop.write(2, trailer="1 / 0")
        server.wait_for(r"^subsrv: .*\.py has changed$")
        server.expect("ZeroDivisionError: division by zero; not reloaded")
        server.expect("^ZeroDivisionError")
        assert client.get("/").body == b"1 h1 /"
        # Within the same second, perhaps, and of the same length.
        shop.write(2)
        until(lambda: versions(server) == {b"2 h2 /"})


def test_swaps_under_load_lose_no_request(mode: Mode, shop: Shop) -> None:
    """A connection ends after an answer that says so, and never otherwise; none is refused."""
    swap_under_load(mode, shop)


@pytest.mark.parametrize(
    "mode", [m for m in POSSIBLE if m.name in ("interp", "fork")], indirect=True, ids=str
)
def test_swaps_where_workers_pass_connections_on(mode: Mode, shop: Shop) -> None:
    """What is on its way to an old worker is taken by the one that has its place."""
    swap_under_load(mode, shop, "--accept", "fair")


def swap_under_load(mode: Mode, shop: Shop, *flags: str) -> None:
    swaps = 2
    with shop.serve(mode, "--workers", "2", *flags) as server:
        with visiting(server) as visitors:
            for version in range(2, 2 + swaps):
                shop.write(version)
                reload(server, version - 1)
        assert versions(server) == {b"%d h%d /" % (swaps + 1, swaps + 1)}
        assert len(set.union(*(visitor.answered for visitor in visitors))) > 1
