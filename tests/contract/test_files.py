"""Files as responses: WSGI's file_wrapper, and ASGI's http.response.pathsend."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from contract.descriptors import open_files
from contract.serving import Server, until
from contract.wire import Client, request

# More than any buffer on the way holds.
CONTENT = os.urandom(1 << 20) * 16


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "content"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def client(wsgi: Server) -> Iterator[Client]:
    with Client(wsgi) as client:
        yield client


@pytest.mark.parametrize("kind", ["raw", "buffered", "memory"])
def test_a_file_wrapper_sends_the_rest_of_a_file(client: Client, path: Path, kind: str) -> None:
    response = client.get(f"/file?kind={kind}&path={path}&offset=1000")
    assert response.body == CONTENT[1000:]
    # A length that the server can know, it says.
    assert ("content-length" in response) == (kind != "memory")
    length = client.get(f"/file?kind={kind}&path={path}&offset=10&length=50000")
    assert length.body == CONTENT[10:50_010]
    assert client.get(f"/file?kind={kind}&path={path}", method="HEAD").body == b""
    client.assert_open()


def test_what_was_written_comes_before_the_file(client: Client, path: Path) -> None:
    response = client.get(f"/file?kind=raw&path={path}&written=first&length=50000")
    assert response.body == b"first" + CONTENT[:49_995]


def test_http_1_0_gets_a_file_and_keeps_its_connection(client: Client, path: Path) -> None:
    target = f"/file?kind=buffered&path={path}"
    response = client.get(target, "Connection: keep-alive", version="1.0")
    assert response.body == CONTENT
    client.assert_open()


def test_a_file_that_is_too_short_is_a_500(wsgi: Server, path: Path) -> None:
    with Client(wsgi) as client:
        target = f"/file?kind=raw&path={path}&length={len(CONTENT) + 1}"
        assert client.get(target).status == 500
        wsgi.expect("ResponseError: the Content-Length is 16777217, but the file has 16777216 ")


def test_who_does_not_read_a_file_holds_up_nobody(wsgi: Server, path: Path) -> None:
    """Not even a thread: there are only four."""
    with ExitStack() as clients:
        slow = [clients.enter_context(Client(wsgi)) for _ in range(5)]
        for client in slow:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            client.send(request(f"/file?kind=raw&path={path}"))
            client.push_back(client.sock.recv(12))
        with Client(wsgi) as other:
            pid = other.get("/who").json()["pid"]
        # The server's own, once the application's are closed, which follows the first bytes.
        until(lambda: len(open_files(pid, path)) == 5)
        assert slow[0].response().body == CONTENT
        slow[0].assert_open()
        for client in slow:
            client.reset()
        until(lambda: not open_files(pid, path))


def test_an_asgi_application_sends_a_file_by_its_path(asgi: Server, path: Path) -> None:
    with Client(asgi) as client:
        assert client.get(f"/file?path={path}").body == CONTENT
        assert client.get(f"/file?path={path}&length=10").body == CONTENT[:10]
        assert client.get(f"/file?path={path}", method="HEAD").body == b""
        client.assert_open()


def test_a_path_without_a_file_is_a_500(faulty: Server, path: Path) -> None:
    for wrong, error in (
        (path.parent, "OSError: .* not a regular file"),
        (path.parent / "none", "FileNotFoundError: "),
    ):
        with Client(faulty) as client:
            assert client.get(f"/file?path={wrong}").status == 500
            faulty.expect(error)
