"""What a fault in one of two workers does to the other: the facts of results/faults.

How hangs end is in test_hang.py and tests/test_hang.py, what an application's own exceptions do in
test_raising.py and test_workers.py.
"""

import re
import resource
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from contract.modes import FREE_THREADED, POSSIBLE, Mode
from contract.serving import Server, until
from contract.wire import Client

APP = "experiments.apps.faulty:app"
ROOT = str(Path(__file__).parents[2])
# A fault of the process: which kind of thread runs in it makes no difference.
KINDS = [mode for mode in POSSIBLE if mode.name in ("interp", "spawn")]
kinds = pytest.mark.parametrize("mode", KINDS, indirect=True, ids=str)


def serve(mode: Mode, **env: str) -> Server:
    return Server(APP, *mode.flags, "--workers", "2", "--app-dir", ROOT, env=env)


def one_to_each(server: Server, stack: ExitStack) -> list[tuple[Client, int]]:
    """A connection to each worker, and the worker's process."""
    found: dict[bytes, Client] = {}
    while len(found) < 2:
        client = stack.enter_context(Client(server))
        found.setdefault(client.get("/").body, client)
    return [(client, int(who.split()[0])) for who, client in found.items()]


@kinds
@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/exit", 3, "exit status 3"),
        ("/segv", -signal.SIGSEGV, "killed by SIGSEGV"),
        pytest.param("/abort", -signal.SIGABRT, "killed by SIGABRT", marks=pytest.mark.once),
        pytest.param("/kill", -signal.SIGKILL, "killed by SIGKILL", marks=pytest.mark.once),
    ],
)
def test_what_ends_a_process_ends_one_worker_or_all(
    mode: Mode, path: str, status: int, told: str
) -> None:
    with serve(mode) as server, ExitStack() as stack:
        (doomed, _), (other, _) = one_to_each(server, stack)
        doomed.request(path)
        doomed.assert_closed()
        if not mode.processes:
            other.assert_closed()
            assert server.wait() == status
            return
        other.assert_open()
        server.expect(f"^subsrv: worker . died: {told}; starting another")
        if path in ("/segv", "/abort"):
            server.expect("^Fatal Python error")  # faulthandler, in tests


@pytest.mark.once
def test_a_loop_that_stops_ends_its_worker_alone(mode: Mode) -> None:
    with serve(mode) as server, ExitStack() as stack:
        (doomed, _), (other, _) = one_to_each(server, stack)
        doomed.request("/stop")
        doomed.assert_closed()
        other.assert_open()
        server.expect(
            "^subsrv: worker . died: RuntimeError: Event loop stopped .*; starting another"
        )
        server.expect("^RuntimeError: Event loop stopped before Future completed.")
        one_to_each(server, stack)


# On free-threaded builds little of it comes back to the system, and what happens differs.
@pytest.mark.skipif(FREE_THREADED, reason="memory does not come back there")
def test_without_memory_a_worker_ends_and_gives_it_back(mode: Mode) -> None:
    """Its clients see an end, another takes its place, and the server serves on."""
    if mode.name == "interp" and sys.version_info < (3, 14):
        pytest.skip("CPython 3.13 leaks of each interpreter")
    with serve(mode) as server, ExitStack() as stack:
        (doomed, pid), (other, _) = one_to_each(server, stack)
        (size,) = re.findall(r"^VmSize:\s*(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)
        limit = int(size) * 1024 + (64 << 20)
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        doomed.request("/hoard")
        doomed.assert_closed()
        server.expect("^subsrv: worker . died: (?:MemoryError|RuntimeError: out of memory); start")
        server.expect("^(?:MemoryError|RuntimeError: out of memory)")
        other.assert_open()

        def both_serve() -> bool:
            try:
                return len(one_to_each(server, stack)) == 2
            except ConnectionError:
                return False  # the next one had too little memory, too

        until(both_serve)


@pytest.mark.once
def test_a_start_up_that_fails_is_tried_again(mode: Mode, tmp_path: Path) -> None:
    with serve(mode, FAULTY=str(tmp_path / "fail")) as server, ExitStack() as stack:
        (doomed, _), (other, _) = one_to_each(server, stack)
        doomed.request("/startup")
        doomed.assert_closed()
        server.expect("^subsrv: worker . died: SystemExit: to be replaced; starting another$")
        server.expect("^(?:Task exception was never retrieved|SystemExit: to be replaced)")
        server.wait_for("startup failed: not this time; starting another in 0.5 s$")
        other.assert_open()
        one_to_each(server, stack)


@pytest.mark.parametrize(
    "mode",
    [m for m in POSSIBLE if m.name == "thread" and not FREE_THREADED],
    indirect=True,
    ids=str,
)
def test_what_holds_the_gil_stops_all_threads(mode: Mode) -> None:
    with serve(mode) as server, ExitStack() as stack:
        (doomed, _), (other, _) = one_to_each(server, stack)
        doomed.request("/regex")
        other.sock.settimeout(0.2)

        def ask_again_and_again() -> None:  # for it may have begun only after the first time
            while True:
                other.assert_open()

        with pytest.raises(TimeoutError):
            ask_again_and_again()
        server.kill()
