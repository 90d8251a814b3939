"""Listening sockets: every kind of address, what is refused, and what is left behind."""

import grp
import os
import pwd
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from subsrv import sockets
from subsrv.errors import ConfigError, SubsrvError
from subsrv.sockets import Inherited, Tcp, Unix


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Tcp("127.0.0.1", 8080)),
        ("localhost:0", Tcp("localhost", 0)),
        ("[::1]:65535", Tcp("::1", 65535)),
        ("unix:/run/a:b.sock", Unix("/run/a:b.sock")),
        ("fd://3", Inherited(3)),
    ],
)
def test_parse(text: str, address: sockets.Address) -> None:
    assert sockets.parse(text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "want HOST:PORT"),
        ("8080", "want HOST:PORT"),
        (":8080", "want HOST:PORT"),
        ("::1:8080", "brackets"),
        ("localhost:", "port"),
        ("localhost:http", "port"),
        ("localhost:65536", "port"),
        ("localhost:-1", "port"),
        ("localhost:٣", "port"),
        ("unix:", "path"),
        ("fd://", "number"),
        ("fd://-1", "number"),
        ("fd://4294967296", "number"),
    ],
)
def test_parse_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        sockets.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("address", "family", "url"),
    [
        ("127.0.0.1:0", socket.AF_INET, r"http://127\.0\.0\.1:[1-9]\d*"),
        ("[::1]:0", socket.AF_INET6, r"http://\[::1\]:[1-9]\d*"),
    ],
)
def test_tcp(address: str, family: int, url: str) -> None:
    with sockets.bind(address, backlog=5) as listener:
        assert re.fullmatch(url, listener.url)
        port = int(listener.url.rpartition(":")[2])
        with socket.socket(family) as client, sockets.adopt(os.dup(listener.fileno())) as adopted:
            client.connect((sockets.parse(address).host, port))  # type: ignore[union-attr]
            accepted, _ = adopted.accept()
            with accepted:
                # Inherited from the listener, so that no connection needs a call for it.
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_wildcard_of_each_family_can_be_bound_side_by_side() -> None:
    with sockets.bind("[::]:0", backlog=1) as six:
        port = six.url.rpartition(":")[2]
        with sockets.bind(f"0.0.0.0:{port}", backlog=1) as four:
            assert four.url == f"http://0.0.0.0:{port}"


def test_an_adopted_socket_does_not_block(listening: socket.socket) -> None:
    with sockets.adopt(os.dup(listening.fileno())) as adopted, pytest.raises(BlockingIOError):
        adopted.accept()


def test_port_in_use_is_one_clear_line(listening: socket.socket) -> None:
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    with pytest.raises(SubsrvError) as caught:
        sockets.bind(address, backlog=1)
    assert str(caught.value) == f"cannot bind {address}: Address already in use"
    assert caught.value.status == 1


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (f"{'a' * 64}.example:80", "label"),
        (f"unix:/{'a' * 200}", "too long"),
        ("unix:/nowhere/at/all", "No such file"),
        ("fd://999999", "Bad file descriptor"),
    ],
)
def test_what_the_system_refuses(address: str, reason: str) -> None:
    with pytest.raises(SubsrvError, match=f"(?s)cannot bind .*{reason}"):
        sockets.bind(address, backlog=1)


def test_unix_socket_is_removed_at_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listener = sockets.bind("unix:s", backlog=1)
    assert listener.url == "unix:s"
    monkeypatch.chdir("/")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
    listener.close()
    assert not (tmp_path / "s").exists()
    listener.close()


def test_a_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with sockets.bind(f"unix:{path}", backlog=1), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_live_unix_socket_is_not(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 's'}"
    with (
        sockets.bind(address, backlog=5) as listener,
        pytest.raises(SubsrvError, match="Address already in use"),
    ):
        sockets.bind(address, backlog=1)
    assert listener.fileno() == -1


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(SubsrvError, match="Address already in use"):
        sockets.bind(f"unix:{path}", backlog=1)
    assert path.read_text() == "precious"


def test_a_successors_unix_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with sockets.bind(f"unix:{path}", backlog=1):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
    assert path.exists()


def test_an_inherited_socket_stays_open(listening: socket.socket) -> None:
    with sockets.bind(f"fd://{listening.fileno()}", backlog=1) as listener:
        assert os.fstat(listener.fileno()).st_ino == os.fstat(listening.fileno()).st_ino
        assert listener.url == f"http://127.0.0.1:{listening.getsockname()[1]}"
    with socket.create_connection(listening.getsockname()):
        pass


def test_an_inherited_socket_that_is_only_bound_is_made_to_listen() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with sockets.bind(f"fd://{bound.fileno()}", backlog=1) as listener:
            assert listener.url == f"http://127.0.0.1:{bound.getsockname()[1]}"
            with socket.create_connection(bound.getsockname()):
                pass


def test_what_is_no_stream_socket_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(SubsrvError, match="socket"):
        sockets.bind(f"fd://{file.fileno()}", backlog=1)
    with (
        socket.socket(type=socket.SOCK_DGRAM) as datagram,
        pytest.raises(SubsrvError, match="not a stream socket"),
    ):
        sockets.bind(f"fd://{datagram.fileno()}", backlog=1)


# Who may connect to a Unix socket.


def test_a_unix_socket_has_the_mode_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "s"
    before = os.umask(0o077)
    try:
        for mode in ("660", "0606"):
            with sockets.bind(f"unix:{path}", backlog=1, mode=mode):
                assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)
        with sockets.bind(f"unix:{path}", backlog=1):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_unix_socket_has_the_owner_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "chown", lambda _path, uid, gid: asked.append((uid, gid)))
    user, group = pwd.getpwuid(0), grp.getgrgid(0)
    for owner in (user.pw_name, f"{user.pw_name}:{group.gr_name}", f":{group.gr_name}", "5:7"):
        with sockets.bind(f"unix:{tmp_path / 's'}", backlog=1, owner=owner):
            pass
    assert asked == [(0, -1), (0, 0), (-1, 0), (5, 7)]


@pytest.mark.parametrize("owner", ["no such user", "0:no such group"])
def test_an_owner_that_is_unknown_is_told(tmp_path: Path, owner: str) -> None:
    with pytest.raises(ConfigError, match=f"^--unix-owner {owner}: there is no such"):
        sockets.bind(f"unix:{tmp_path / 's'}", backlog=1, owner=owner)
    assert not (tmp_path / "s").exists()


def test_a_unix_socket_that_may_not_be_given_away_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(SubsrvError, match=r"cannot bind unix:.*: Operation not permitted"):
        sockets.bind(f"unix:{tmp_path / 's'}", backlog=1, owner="0")
    assert not (tmp_path / "s").exists()


def test_the_name_of_an_abstract_socket_can_be_read() -> None:
    assert sockets.path_of(b"\0shop") == "@shop"
    assert sockets.path_of("/run/shop") == "/run/shop"


# What systemd passes.


@pytest.fixture
def two() -> Iterator[int]:
    """The first of two descriptors that follow each other."""
    with open(os.devnull) as file:
        first = 200
        for fd in (first, first + 1):
            os.dup2(file.fileno(), fd)
    yield first
    for fd in (first, first + 1):
        os.close(fd)


def variables(**more: str) -> dict[str, str]:
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "HOME": "/", **more}


def test_systemds_sockets_are_taken_and_their_variables_removed(two: int) -> None:
    environ = variables()
    addresses = sockets.passed(("a:1", "systemd:", "unix:x"), environ, first=two)
    assert addresses == ("a:1", f"fd://{two}", f"fd://{two + 1}", "unix:x")
    assert environ == {"HOME": "/"}
    assert not os.get_inheritable(two)
    assert not os.get_inheritable(two + 1)


def test_systemds_sockets_are_chosen_by_name(two: int) -> None:
    names = variables(LISTEN_FDNAMES="web:admin")
    assert sockets.passed(("systemd:admin",), dict(names), first=two) == (f"fd://{two + 1}",)
    with pytest.raises(ConfigError, match="no socket named 'amdin', but 'web:admin'"):
        sockets.passed(("systemd:amdin",), dict(names), first=two)


def test_a_server_that_takes_over_has_the_sockets_of_the_one_before() -> None:
    before = ("a:1", "fd://3")
    assert sockets.passed(("a:1", "systemd:"), {}, before=before) == before
    assert sockets.passed(("a:2",), {}, before=before) == ("a:2",)


def test_without_systemd_the_environment_is_left_alone() -> None:
    environ = variables()
    assert sockets.passed(("a:1",), environ) == ("a:1",)
    assert environ == variables()


@pytest.mark.parametrize(
    "wrong", [{"LISTEN_PID": "1"}, {"LISTEN_PID": ""}, {"LISTEN_FDS": "0"}, {"LISTEN_FDS": "-1"}]
)
def test_sockets_for_another_process_are_not_taken(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="systemd has passed no socket to this process"):
        sockets.passed(("systemd:",), variables(**wrong))
