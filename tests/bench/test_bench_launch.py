"""Servers under test: started, on their CPUs, stopped, and what is said when they do not."""

import os
import re
import select
import signal
import socket
import sys

import pytest

from subsrv.bench import launch, processes
from subsrv.bench.launch import Command, LaunchError, Server
from subsrv.bench.machine import Cpus, describe, part


def running(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_a_server_is_ready_runs_on_its_cpus_and_stops() -> None:
    cpu = max(os.sched_getaffinity(0))
    command = launch.command("subsrv.hello:native", mode="thread", workers=2)
    with Server(command, cpus={cpu}) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert (server.ready["mode"], server.ready["workers"]) == ("thread", "2")
        assert server.seconds_to_ready > 0
        for task in os.listdir(f"/proc/{server.pid}/task"):
            assert os.sched_getaffinity(int(task)) == {cpu}
        pid = server.pid
    assert processes.tree(pid) == []


@pytest.mark.parametrize("own", [True, False])
def test_a_session_of_its_own_or_the_callers(own: bool) -> None:
    command = launch.command("subsrv.hello:native", mode="thread", workers=1)
    with Server(command, own_session=own) as server:
        assert (os.getsid(server.pid) == server.pid) is own
        assert (os.getsid(server.pid) == os.getsid(0)) is not own
        assert os.getpgid(server.pid) == server.pid  # to be killed with


def test_the_reason_is_the_servers_own() -> None:
    with pytest.raises(LaunchError, match=r"^no 'app' here$") as caught:
        Server(running("import sys; print('x: error: no \\'app\\' here', file=sys.stderr)"))
    assert caught.value.detail == "x: error: no 'app' here"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit('port in use')", r"not ready .*exit status 1: port in use"),
        ("pass", r"exit status 0: \(it said nothing\)"),
    ],
)
def test_a_server_that_does_not_start(code: str, why: str) -> None:
    with pytest.raises(LaunchError, match=why):
        Server(running(code))


def test_a_server_that_is_never_ready_is_killed_with_its_children() -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print(child.pid, 'still loading', file=sys.stderr, flush=True)\n"
        "child.wait()"
    )
    with pytest.raises(LaunchError, match=r"still running: \d+ still loading") as caught:
        Server(running(code), start_timeout=1.5)
    said = re.search(r"(\d+) still loading", str(caught.value))
    assert said is not None
    _await_end(int(said[1]))


def _await_end(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with open(descriptor) as process:
        ended, _, _ = select.select([process], [], [], 10)
    assert ended, f"process {pid} still runs"


def test_a_server_that_says_nothing_is_tried_until_it_accepts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code = (
        "import signal, socket\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        f"with socket.create_server(('127.0.0.1', {port})):\n"
        "    signal.sigwait({signal.SIGINT})\n"
        "raise SystemExit(3)"
    )
    url = f"http://127.0.0.1:{port}"
    command = Command(words=running(code), url=url, stop=signal.SIGINT, statuses=(3,))
    with Server(command) as server:
        assert (server.url, server.address) == (url, ("127.0.0.1", port))
        assert server.ready == {}
        assert server.seconds_to_ready > 0


def test_bytecode_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    command = Command(
        words=running("import sys; sys.exit(f'{sys.dont_write_bytecode} {sys.flags.utf8_mode}')"),
        env={"PYTHONUTF8": "1"},
    )
    with pytest.raises(LaunchError, match=r"False 1$"):
        Server(command)


def test_a_server_that_never_accepts_and_ends() -> None:
    command = Command(words=running("import sys; sys.exit('no')"), url="http://127.0.0.1:1")
    with pytest.raises(LaunchError, match=r"not ready .*exit status 1: no$"):
        Server(command)


def test_an_error_takes_the_log_along() -> None:
    command = launch.command("subsrv.hello:native", mode="thread", workers=1)
    with pytest.raises(ValueError, match="for a reason") as caught, Server(command):
        raise ValueError("for a reason")
    assert "subsrv: ready" in caught.value.__notes__[0]


def test_a_server_that_cannot_be_run() -> None:
    with pytest.raises(LaunchError, match="cannot be run"):
        Server(("no-such-program",))


def test_a_server_that_does_not_stop_cleanly() -> None:
    code = (
        "import signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
        "print('fake: ready http://127.0.0.1:1', file=sys.stderr, flush=True)\n"
        "signal.sigwait({signal.SIGTERM})\n"
        "sys.exit(7)"
    )
    server = Server(running(code))
    with pytest.raises(LaunchError, match=r"not stopped cleanly .*exit status 7"):
        server.stop()


def test_client_and_server_are_parted_where_there_are_cpus_enough() -> None:
    assert part({0, 1}, 2) == Cpus((0, 1), (0, 1))
    assert part({0, 1}, 2).shared
    assert part({4, 2, 3}, 2) == Cpus((2, 3), (4,))
    assert not part({0, 1}, 1).shared


def test_the_machine_is_described() -> None:
    facts = describe()
    assert facts["cpus"] == len(os.sched_getaffinity(0))
    assert facts["python"] == sys.version.split()[0]
