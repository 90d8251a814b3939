"""Starting: what is served where, and how each failure to start is told."""

import socket
import stat
import sys
from pathlib import Path

import pytest

from contract import modes
from contract.modes import Mode
from contract.serving import Server, refused
from contract.wire import Client

ASGI = "contract.apps.kit_asgi:app"


def assert_one_line(log: str, *words: str) -> None:
    """One clear line, which says all of this."""
    (line,) = log.splitlines()
    assert line.startswith("subsrv: error: ")
    for word in words:
        assert word in line, line


@pytest.mark.parametrize("mode", modes.ALL, ids=str)
def test_each_mode_starts_or_says_why_not(mode: Mode) -> None:
    if mode.possible:
        with Server(*mode.flags, "--workers", "2") as server, Client(server) as client:
            assert server.ready["mode"] == mode.flags[1]
            assert server.ready["gil"] == mode.gil
            assert server.ready["python"] == sys.version.split()[0]
            assert int(server.ready["pid"]) == server.pid
            assert client.get("/").body == b"Hello, world!"
    else:
        status, log = refused(*mode.flags)
        assert status == 2
        assert_one_line(log, "--mode nogil needs a free-threaded Python", "with the GIL")


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])  # native is its default
def test_the_built_in_hello(mode: Mode, interface: str) -> None:
    flags = (*mode.flags, "--workers", "1", "--interface", interface)
    with Server(*flags) as server, Client(server) as client:
        for _ in range(2):
            response = client.get("/any/path")
            assert response.body == b"Hello, world!"
            assert response["content-type"] == "text/plain; charset=utf-8"


def test_all_kinds_of_address_at_once(mode: Mode, tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        fd = inherited.fileno()
        binds = ("127.0.0.1:0", "[::1]:0", f"unix:{path}", f"fd://{fd}", "0.0.0.0:0")
        flags = [flag for bind in binds for flag in ("--bind", bind)]
        with Server(ASGI, *mode.flags, "--workers", "2", *flags, pass_fds=(fd,)) as server:
            v4, v6, unix, handed, any_address = server.urls
            port = inherited.getsockname()[1]
            assert unix == f"unix:{path}"
            assert handed == f"http://127.0.0.1:{port}"
            assert v4.startswith("http://127.0.0.1:")
            assert v6.startswith("http://[::1]:")
            seen = []
            meant = any_address.replace("0.0.0.0", "127.0.0.1")
            for url in (v4, v6, unix, handed, meant):
                with Client(server, url) as client:
                    scope = client.get("/scope").json()
                    seen.append((scope["server"], scope["client"] and scope["client"][0]))
            assert seen == [
                (["127.0.0.1", int(v4.rpartition(":")[2])], "127.0.0.1"),
                (["::1", int(v6.rpartition(":")[2])], "::1"),
                ([str(path), None], None),
                (["127.0.0.1", port], "127.0.0.1"),
                # Behind a wildcard, the address by which the client came.
                (["127.0.0.1", int(meant.rpartition(":")[2])], "127.0.0.1"),
            ]
    assert not path.exists()


# What systemd does: the sockets are 3 and those that follow, and the variables name the process.
_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_the_socket_of_systemd_and_one_with_permissions(mode: Mode, tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        fd = inherited.fileno()
        with Server(
            *(ASGI, *mode.flags, "--workers", "1", "--unix-mode", "606"),
            *("--bind", "systemd:web", "--bind", f"unix:{path}", "--bind", f"unix:{path}2"),
            pass_fds=(fd,),
            wrapper=(sys.executable, "-c", _ACTIVATE, str(fd)),
        ) as server:
            port = inherited.getsockname()[1]
            assert server.urls == [f"http://127.0.0.1:{port}", f"unix:{path}", f"unix:{path}2"]
            for url in server.urls:
                with Client(server, url) as client:
                    client.assert_open()
            assert stat.S_IMODE(path.stat().st_mode) == 0o606
    assert not path.exists()
    assert not (tmp_path / "server.sock2").exists()


def write(folder: Path, text: str) -> tuple[str, ...]:
    """Flags that serve `app` of a module with this text."""
    (folder / "shop.py").write_text(text)
    return ("shop:app", "--app-dir", str(folder))


def test_an_application_that_is_not_there(mode: Mode) -> None:
    status, log = refused("no_such_module:app", *mode.flags, "--workers", "2")
    assert status == 3
    assert_one_line(log, "cannot load app 'no_such_module:app': no module 'no_such_module'")


def test_an_application_that_fails_to_import(mode: Mode, tmp_path: Path) -> None:
    text = "def helper():\n    return 1 / 0\n\napp = helper()\n"
    assert_failed_import(mode, tmp_path, text, "ZeroDivisionError")


# What becomes of them is decided in the worker, which is the same in those that are akin.
@pytest.mark.parametrize("mode", modes.DISTINCT, indirect=True, ids=str)
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("raise SystemExit('not like this')", "SystemExit: not like this"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("bytes(1 << 62)", "MemoryError"),
    ],
    ids=["exit", "interrupt", "recursion", "memory"],
)
def test_an_application_that_fails_to_import_without_an_exception_of_its_own(
    mode: Mode, tmp_path: Path, text: str, error: str
) -> None:
    assert_failed_import(mode, tmp_path, text, error)


def assert_failed_import(mode: Mode, tmp_path: Path, text: str, error: str) -> None:
    """The one line, then the application's own traceback, without ours before it."""
    status, log = refused(*write(tmp_path, text), *mode.flags, "--workers", "2")
    assert status == 3
    first, *trace = log.splitlines()
    assert first.startswith("subsrv: error: cannot load app 'shop:app': ")
    assert error.partition(":")[0] in first
    assert error in trace[-1]
    assert trace[0] == "Traceback (most recent call last):"
    assert "shop.py" in trace[1]
    assert log.count("Traceback") == 1


def test_an_extension_that_does_not_load_in_a_subinterpreter(mode: Mode) -> None:
    flags = ("contract.apps.refusing:app", *mode.flags, "--workers", "2")
    if mode.name != "interp":
        with Server(*flags) as server, Client(server) as client:
            client.assert_open()
        return
    status, log = refused(*flags)
    assert status == 3
    first, *more = log.splitlines()
    words = ("extension module 'faulthandler'", "--mode process and --mode thread would work")
    assert_one_line(first, *words)
    # What subsrv check would say of it.
    assert more[0] == "imported by contract.apps.refusing > faulthandler"
    assert more[-1] == "subsrv check contract.apps.refusing:app tells more"


def test_auto_is_the_best_mode_in_which_the_application_works() -> None:
    best = "nogil" if modes.FREE_THREADED else "interp"
    with Server(ASGI, "--mode", "auto", "--workers", "1") as server, Client(server) as client:
        assert server.ready["mode"] == best
        assert f"subsrv: mode {best}: the application works there" in server.log
        client.assert_open()
    if modes.FREE_THREADED:
        return  # what interp mode refuses works there
    with Server("contract.apps.refusing:app", "--mode", "auto", "--workers", "1") as server:
        assert server.ready["mode"] == "process"
        assert "interp does not work: faulthandler: CPython refuses it" in server.log


def test_lifespan_that_fails_ends_the_server(mode: Mode) -> None:
    status, log = refused(
        *("contract.apps.lifespan_asgi:app", *mode.flags, "--workers", "2"),
        env={"LIFESPAN_STARTUP": "fail"},
    )
    assert status == 3
    assert_one_line(log, "the application's startup failed: no database today")


def test_lifespan_that_raises_is_no_lifespan(mode: Mode) -> None:
    """So says the specification: such an application is served without."""
    environment = {"LIFESPAN_STARTUP": "raise"}
    flags = ("contract.apps.lifespan_asgi:app", *mode.flags, "--workers", "1")
    with Server(*flags, env=environment) as server, Client(server) as client:
        client.assert_open()
        assert "state" not in client.get("/scope").json()


def test_lifespan_that_breaks_in_shutdown_is_logged(mode: Mode) -> None:
    environment = {"LIFESPAN_SHUTDOWN": "raise"}
    flags = ("contract.apps.lifespan_asgi:app", *mode.flags, "--workers", "1")
    with Server(*flags, env=environment) as server:
        server.send_signal()
        assert server.wait() == 0
        server.expect("RuntimeError: broken in shutdown")
        server.assert_quiet()


# The supervisor binds, before it makes any worker.
@pytest.mark.parametrize("mode", modes.DISTINCT[:1], indirect=True, ids=str)
def test_a_port_in_use(mode: Mode) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, log = refused(*mode.flags, "--bind", f"127.0.0.1:{port}")
    assert status == 1
    assert_one_line(log, f"cannot bind 127.0.0.1:{port}", "in use")


@pytest.mark.once
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--mode", "fibre"], ["--mode must be one of interp, nogil, thread, process, auto"]),
        (["--wrokers", "2"], ["unknown option '--wrokers', did you mean '--workers'?"]),
        (["--workers", "-1"], ["--workers must be 0 or more"]),
        (["--bind", "nowhere"], ["bad address 'nowhere'"]),
        (["shop.py"], ["did you mean 'shop:app'?"]),
    ],
    ids=["mode", "option", "number", "address", "app"],
)
def test_a_bad_option(flags: list[str], words: list[str]) -> None:
    status, log = refused(*flags)
    assert status == 2
    assert_one_line(log, *words)


def test_a_worker_that_cannot_start(mode: Mode, tmp_path: Path) -> None:
    """For a reason that is not the application's; this one only stages it."""
    text = (
        "from subsrv.server import Server\n"
        "def start(*_): raise OSError(24, 'Too many open files')\n"
        "Server.start = start\n"
        "def app(request): return b''\n"
    )
    status, log = refused(*write(tmp_path, text), *mode.flags, "--workers", "2")
    assert status == 4
    first, *trace = log.splitlines()
    assert first.startswith("subsrv: error: worker ")
    assert first.endswith("died: OSError: [Errno 24] Too many open files")
    assert trace[0] == "Traceback (most recent call last):"
