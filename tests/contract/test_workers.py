"""Several workers: N isolates on one socket, each with its share, and each replaced if it dies."""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from contract.modes import POSSIBLE, Mode
from contract.probe import Probe
from contract.serving import Server, until
from contract.wire import Client, chunked, request

ASGI = "contract.apps.kit_asgi:app"
WORKERS = 4


def processes(server: Server) -> list[int]:
    """The supervisor and its children."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    return [server.pid, *map(int, children.split())]


def tasks(server: Server) -> list[Path]:
    """All threads of the server, as folders of /proc."""
    return [task for pid in processes(server) for task in Path(f"/proc/{pid}/task").iterdir()]


def settle(server: Server) -> None:
    """Wait until every thread of the server waits for events, as on a machine with time to spare.

    A worker that has not been given a CPU yet is passed over by the kernel, and rightly so.
    """
    until(lambda: _waits_for_events(server))


def _waits_for_events(server: Server) -> bool:
    try:
        return all(_sleeps(task) for task in tasks(server))
    except FileNotFoundError:  # one has ended meanwhile
        return False


# Where the kernel does not tell where a thread sleeps, it says 0. The threads that rescue workers
# wait for a socket.
_RESTING = ("0", "ep_poll", "do_epoll_wait", "unix_stream_read_generic", "unix_stream_data_wait")


def _sleeps(task: Path) -> bool:
    asleep = (task / "stat").read_text().rpartition(") ")[2].startswith("S")
    return asleep and (task / "wchan").read_text() in _RESTING


def isolates(server: Server, *, connections: int) -> list[tuple[int, int, int]]:
    """Which isolate served each of so many connections, one after the other."""
    found = []
    for _ in range(connections):
        settle(server)
        with Client(server) as client:
            who = client.get("/who").json()
            found.append((who["pid"], who["interpreter"], who["thread"]))
            assert client.get("/who").json() == who  # a connection stays with its worker
    return found


@pytest.fixture(scope="module")
def several(mode: Mode) -> Iterator[Server]:
    """The ASGI kit in several workers."""
    with Server(ASGI, *mode.flags, "--workers", str(WORKERS)) as server:
        yield server


def test_requests_run_in_as_many_isolates_and_each_has_its_share(
    several: Server, mode: Mode
) -> None:
    served = isolates(several, connections=24)
    pids, interpreters, threads = (set(column) for column in zip(*served, strict=True))
    assert len(threads) == WORKERS
    if mode.processes:
        assert len(pids) == WORKERS
        assert several.pid not in pids
        assert interpreters == {0}
    else:
        assert pids == {several.pid}
        assert several.pid not in threads  # the main thread supervises
        assert len(interpreters) == (WORKERS if mode.name == "interp" else 1)
        assert (0 in interpreters) == (mode.name != "interp")
    # Connections one at a time would all go to the same worker, but for the listener's turns.
    shares = [served.count(isolate) for isolate in set(served)]
    assert min(shares) >= 3, shares


@pytest.mark.parametrize("accept", ["fair", "reuseport"])
def test_connections_that_stay_are_shared_out_by(accept: str, mode: Mode) -> None:
    flags = (*mode.flags, "--workers", "3", "--accept", accept)
    with Server(ASGI, *flags) as server, ExitStack() as stack:
        clients = []
        for _ in range(30):
            clients.append(stack.enter_context(Client(server)))
            settle(server)  # a worker that has no CPU is passed over
        served = [client.get("/who").json() for client in clients]
        assert [client.get("/who").json() for client in clients] == served
        shares = Counter((who["pid"], who["interpreter"], who["thread"]) for who in served)
        # By its hash, the kernel leaves one of the three out once in 60,000 times.
        assert len(shares) == 3
        if accept == "fair":
            assert set(shares.values()) == {10}


def test_all_workers_accept_from_one_socket(several: Server, mode: Mode) -> None:
    port = several.address[1]
    listening = [
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    ]
    assert len(listening) == 1  # inodes: SO_REUSEPORT would have one for each worker
    held = {pid: descriptors(pid, listening[0]) for pid in processes(several)}
    # The supervisor's own, and one in each worker.
    if mode.processes:
        assert list(held.values()) == [1] * (WORKERS + 1)
    else:
        assert held == {several.pid: WORKERS + 1}


def descriptors(pid: int, inode: str) -> int:
    """How many descriptors of a process are this socket."""
    found = 0
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += os.readlink(fd) == f"socket:[{inode}]"
        except FileNotFoundError:
            continue
    return found


def test_fifty_asgi_clients_at_once_get_their_own_answers(several: Server) -> None:
    assert_verified(several, clients=50)


def test_fifty_wsgi_clients_at_once_get_their_own_answers(mode: Mode) -> None:
    app = ("contract.apps.kit_wsgi:app", "--threads", "4")
    with Server(*app, *mode.flags, "--workers", "2") as server:
        assert_verified(server, clients=50)


def assert_verified(server: Server, *, clients: int) -> None:
    """Have so many clients send twenty requests each, no two alike, and look at every answer."""

    def visit(number: int) -> int:
        verified = 0
        with Client(server) as client:
            for turn in range(20):
                body = f"{number}.{turn};".encode() * (20 + turn * 60)
                if turn % 3 == 0:
                    client.send(request("/echo", "Transfer-Encoding: chunked", method="POST"))
                    client.send(chunked(body[:50], body[50:]))
                else:
                    client.request("/echo", method="POST", body=body)
                verified += client.response().body == body
        return verified

    with ThreadPoolExecutor(clients) as pool:
        assert sum(pool.map(visit, range(clients))) == clients * 20


def test_httpx(several: Server) -> None:
    """A real client, with a pool of connections that it keeps."""
    with httpx.Client(base_url=several.url) as client:
        for turn in range(20):
            body = b"%d" % turn * 5000
            assert client.post("/echo", content=body).content == body
        assert client.post("/echo", content=iter([b"a", b"b"])).content == b"ab"
        assert client.head("/").headers["content-length"] == "5"
        with client.stream("GET", "/stream?blocks=20&size=1000") as response:
            assert sum(map(len, response.iter_bytes())) == 20_000


def expect_exit(server: Server, consequence: str) -> None:
    """An application has raised SystemExit; asyncio says so, and the supervisor."""
    server.expect(f"^subsrv: worker . died: SystemExit: .*; {consequence}$")
    server.expect("^Task exception was never retrieved")
    server.expect("^SystemExit: the application wants to leave")


def test_a_worker_that_an_application_ends_is_replaced(mode: Mode) -> None:
    with Server("contract.apps.faulty_asgi:app", *mode.flags, "--workers", "2") as server:
        before = set(isolates(server, connections=4))
        with Client(server) as doomed:
            doomed.request("/exit")
            # Its client sees an end, and everybody else is served on.
            assert doomed.sock.recv(100) == b""
        with Client(server) as client:
            client.assert_open()
        expect_exit(server, "starting another")
        until(lambda: len(set(isolates(server, connections=4)) - before) == 1)


@pytest.mark.parametrize("mode", [m for m in POSSIBLE if m.processes], indirect=True, ids=str)
def test_a_worker_process_that_is_killed_is_replaced(mode: Mode) -> None:
    with Server(ASGI, *mode.flags, "--workers", "2") as server:
        victim = isolates(server, connections=1)[0][0]
        os.kill(victim, signal.SIGKILL)
        server.expect("^subsrv: worker . died: killed by SIGKILL; starting another")
        until(lambda: len({who[0] for who in isolates(server, connections=4)}) == 2)


def test_the_only_worker_is_replaced_too(mode: Mode) -> None:
    """Clients that come meanwhile wait in the kernel's queue, and lose nothing."""
    with Server("contract.apps.faulty_asgi:app", *mode.flags, "--workers", "1") as server:
        with Client(server) as client:
            client.request("/exit")
            assert client.sock.recv(100) == b""
        with Client(server) as client:
            client.assert_open()
        expect_exit(server, "starting another")


def test_interpreters_that_have_imported_much_end_cleanly(mode: Mode) -> None:
    """CPython 3.13.0 aborts where several have imported datetime and the main one has not; each
    server of this suite shows the same of 3.15, which crashed with daemon threads.
    """
    app = "contract.apps.imports_asgi:app"
    with Server(app, *mode.flags, "--workers", "3") as server:
        assert len(set(isolates(server, connections=6))) == 3


def test_a_worker_that_blocks_takes_no_connections(mode: Mode, probe: Probe) -> None:
    """While one worker is held by a request, the other serves everybody else."""
    with (
        Server("contract.apps.kit_wsgi:app", *mode.flags, "--workers", "2") as server,
        Client(server) as blocked,
    ):
        blocked.request(f"/wait?probe={probe.port}")
        caller = probe.wait("waiting")
        for _ in range(10):
            with Client(server) as client:
                client.assert_open()
        caller.answer("done")
        assert blocked.response().body == b"done"


def test_an_idle_server_never_wakes_up(mode: Mode) -> None:
    """Nothing ticks or polls while there is nobody to serve: no thread runs for a while."""
    # Time-outs are looked at in ticks of a quarter of the shortest one.
    flags = (*mode.flags, "--workers", "2", "--timeout-keep-alive", "0.2")
    with Server(ASGI, *flags) as server:
        with Client(server) as client:
            client.assert_open()
        settle(server)
        before = switches(server)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(0.3)
        # The one tick that is due after the last connection may come.
        assert switches(server) - before <= 1


def switches(server: Server) -> int:
    """How often the server's threads have gone to sleep."""
    statuses = [(task / "status").read_text() for task in tasks(server)]
    return sum(int(re.findall(r"\nvoluntary_ctxt_switches:\s*(\d+)", s)[0]) for s in statuses)
