"""PEP 3333's promises, with one thread (in the loop itself) and with four."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.descriptors import open_files
from contract.modes import Mode
from contract.probe import Probe
from contract.serving import Server, until
from contract.wire import Client, chunked, request

KIT = "contract.apps.kit_wsgi:app"


in_the_loop = pytest.mark.parametrize("wsgi", ["1"], indirect=True, ids=["inline"])
with_threads = pytest.mark.parametrize("wsgi", ["4"], indirect=True, ids=["threads"])


@pytest.fixture
def client(wsgi: Server) -> Iterator[Client]:
    with Client(wsgi) as client:
        yield client


def test_hello(client: Client) -> None:
    for _ in range(3):
        response = client.get("/")
        assert (response.status, response.reason, response.body) == (200, "OK", b"hello")
        assert response["content-length"] == "5"


def test_the_environ(client: Client, wsgi: Server) -> None:
    host, port = wsgi.address
    client.send(
        request(
            "/environ/../%65nviron?a=%20b",
            *("X-Two: 1", "x-two: 2", "Cookie: a=1", "Cookie: b=2", "X-Latin: \xe9"),
            *("X_Under: 1", "Content-Type: text/plain"),
            method="POST",
            body=b"abc",
        )
    )
    assert client.response().status == 404
    client.send(
        request(
            "/%65nviron?a=%20b",
            *("X-Two: 1", "x-two: 2", "Cookie: a=1", "Cookie: b=2", "X-Latin: \xe9"),
            *("X_Under: 1", "Content-Type: text/plain"),
            method="POST",
            body=b"abc",
        )
    )
    local_host, local_port = client.sock.getsockname()
    assert client.response().json() == {
        "SERVER_SOFTWARE": "subsrv",
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/environ",
        "QUERY_STRING": "a=%20b",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": local_host,
        "REMOTE_PORT": str(local_port),
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "test",
        "HTTP_X_TWO": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_LATIN": "\xe9",
    }


def test_equal_heads_of_two_clients_are_theirs(wsgi: Server) -> None:
    with Client(wsgi) as one, Client(wsgi) as two:
        for client in (one, two) * 4:
            host, port = client.sock.getsockname()
            environ = client.get("/environ").json()
            assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == (host, str(port))


def test_credentials_given_twice_are_none(client: Client) -> None:
    """Joined, so that none of them is what somebody before us has checked."""
    lines = ("Authorization: Basic a", "Authorization: Basic b", "Content-Type: a/b")
    environ = client.get("/environ", *lines, "Content-Type: c/d", "Cookie: a", "Cookie: b").json()
    assert environ["HTTP_AUTHORIZATION"] == "Basic a,Basic b"
    assert environ["CONTENT_TYPE"] == "a/b,c/d"
    assert environ["HTTP_COOKIE"] == "a; b"


def test_what_the_server_says_of_itself(client: Client, wsgi: Server) -> None:
    threads = wsgi.args[wsgi.args.index("--threads") + 1]
    assert client.get("/flags").json() == {
        "version": [1, 0],
        "url_scheme": "http",
        "run_once": False,
        "multithread": threads != "1",
        "multiprocess": False,
    }


def test_what_one_of_two_workers_says_of_itself(mode: Mode) -> None:
    with Server(KIT, *mode.flags, "--workers", "2") as server, Client(server) as client:
        said = client.get("/flags").json()
    # Whether another thread may call the application object at the same time, or another isolate
    # one of its own.
    apart = mode.name in ("interp", "spawn", "fork")
    assert (said["multithread"], said["multiprocess"]) == (not apart, apart)


VALIDATED = (
    *("/", "/environ?a=b", "/stream?blocks=3&size=10", "/empty?blocks=2", "/write", "/closing"),
    *("/replace-the-head", "/status?line=204%20None", "/no-such-thing", "/file?kind=buffered"),
)


@pytest.mark.parametrize("target", VALIDATED)
def test_wsgiref_finds_nothing_wrong(client: Client, probe: Probe, target: str) -> None:
    target += f"{'&' if '?' in target else '?'}probe={probe.port}&path={__file__}"
    for method in ("GET", "HEAD"):
        client.request(f"/validated{target}", method=method)
        if target.startswith("/closing"):
            probe.wait("closed 1").answer()
        assert client.response(method).status in (200, 204, 404, 503)
    client.assert_open()


def test_wsgiref_finds_nothing_wrong_with_bodies(client: Client) -> None:
    for size in (0, 3, 1_000_000):
        body = os.urandom(size)
        assert client.get("/validated/echo", method="POST", body=body).body == body
        client.send(request("/validated/echo", "Transfer-Encoding: chunked", method="POST"))
        client.send(chunked(*(body[i : i + 100_000] for i in range(0, size, 100_000))))
        assert client.response().body == body


@pytest.mark.parametrize("size", [0, 3, 65_537, 560_000, 2_000_000])
def test_the_body_as_a_file(client: Client, size: int) -> None:
    body = os.urandom(size)
    assert client.get("/echo", method="POST", body=body).body == body
    client.send(request("/echo", "Transfer-Encoding: chunked", method="POST"))
    client.send(chunked(*(body[i : i + 10_000] for i in range(0, size, 10_000))))
    assert client.response().body == body


def test_the_body_in_parts(client: Client) -> None:
    body = b"abcdef\nline two\nline three\nrest"
    response = client.get("/read-in-parts", method="POST", body=body)
    assert response.body == b"abcdef\nline two\n|line three\nrest"


@in_the_loop
@pytest.mark.parametrize(("size", "files"), [(560_000, []), (600_000, [600_000])])
def test_a_large_upload_waits_in_memory_or_without_room_on_disk(
    size: int, files: list[int], wsgi: Server, uploads: Path, probe: Probe
) -> None:
    """In an unnamed file of the temporary folder, gone with its request."""
    with Client(wsgi) as client:
        pid = client.get("/who").json()["pid"]
        client.send(request(f"/wait?probe={probe.port}", method="POST", body=b"x" * size))
        caller = probe.wait("waiting")
        assert [size for _, size in open_files(pid, uploads)] == files
        caller.answer("thanks")
        assert client.response().body == b"thanks"
        until(lambda: open_files(pid, uploads) == [])


@in_the_loop
def test_two_uploads_with_room_for_one(wsgi: Server, uploads: Path) -> None:
    """One of them waits for the other, which takes its time, and goes to disk."""
    body = os.urandom(580_000)
    with Client(wsgi) as one, Client(wsgi) as another:
        pid = one.get("/who").json()["pid"]
        for client in (one, another):
            head = request("/echo", f"Content-Length: {len(body)}", method="POST")
            client.send(head + body[:550_000])
        until(lambda: len(open_files(pid, uploads)) == 1)
        for client in (one, another):
            client.send(body[550_000:])
            assert client.response().body == body
        until(lambda: open_files(pid, uploads) == [])


def test_an_upload_that_breaks_off_leaves_nothing(wsgi: Server, uploads: Path) -> None:
    """In chunks, because the threads read others as they come."""
    with Client(wsgi) as client:
        pid = client.get("/who").json()["pid"]
        head = request("/echo", "Transfer-Encoding: chunked", method="POST")
        client.send(head + b"dbba0\r\n" + b"x" * 600_000)
        until(lambda: open_files(pid, uploads) != [])
    until(lambda: open_files(pid, uploads) == [])


def test_blocks_of_unknown_length_are_chunked(client: Client) -> None:
    response = client.get("/stream?blocks=3&size=10")
    assert response["transfer-encoding"] == "chunked"
    assert response.body == b"x" * 30
    client.assert_open()


def test_blocks_of_known_length_are_not(client: Client) -> None:
    response = client.get("/stream?blocks=3&size=10&length=known")
    assert response["content-length"] == "30"
    assert response.body == b"x" * 30
    client.assert_open()


def test_http_1_0_gets_the_blocks_until_the_close(client: Client) -> None:
    response = client.get("/stream?blocks=3&size=10", "Connection: keep-alive", version="1.0")
    assert response.body == b"x" * 30
    client.assert_closed()


@pytest.mark.parametrize("blocks", ["0", "1", "2"])
def test_no_body_is_a_length_of_0(client: Client, blocks: str) -> None:
    response = client.get(f"/empty?blocks={blocks}")
    assert (response.status, response.body, response["content-length"]) == (200, b"", "0")
    client.assert_open()


def test_write_and_the_blocks_that_follow(client: Client) -> None:
    assert client.get("/write").body == b"one two three"
    client.assert_open()


def test_start_response_may_wait_for_the_first_block(client: Client) -> None:
    assert client.get("/start-in-iteration").body == b"late"


@pytest.mark.parametrize("line", ["204 Nothing", "205 Reset", "304 Not%20Modified"])
def test_a_status_without_a_body_has_none(client: Client, line: str) -> None:
    response = client.get(f"/status?line={line.replace(' ', '%20')}")
    assert (response.status, response.body) == (int(line[:3]), b"")
    client.assert_open()


def test_the_reason_is_the_applications(client: Client) -> None:
    assert client.get("/status?line=299%20Fine,%20Mostly").reason == "Fine, Mostly"


def test_head(client: Client) -> None:
    assert client.get("/", method="HEAD")["content-length"] == "5"
    assert client.get("/stream?blocks=3&size=10", method="HEAD").body == b""
    client.assert_open()


def test_close_is_called_once_after_the_last_block(client: Client, probe: Probe) -> None:
    client.send(request(f"/closing?probe={probe.port}&blocks=1"))
    probe.wait("closed 1").answer()
    assert client.response().body == b"one" + b"x" * 65536
    client.assert_open()


def test_close_is_called_after_head(client: Client, probe: Probe) -> None:
    client.send(request(f"/closing?probe={probe.port}", method="HEAD"))
    probe.wait("closed 1").answer()
    assert client.response("HEAD").body == b""


def test_close_is_called_when_iteration_fails(wsgi: Server, probe: Probe) -> None:
    with Client(wsgi) as client:
        client.send(request(f"/closing?probe={probe.port}&raise=1"))
        probe.wait("closed 1").answer()
        wsgi.expect("BoomError: in iteration")


def test_close_is_called_when_the_client_leaves(wsgi: Server, probe: Probe) -> None:
    with Client(wsgi) as client:
        client.send(request(f"/closing?probe={probe.port}&blocks=1000"))
        assert client.sock.recv(100)
        client.reset()
        probe.wait("closed 1").answer()


def test_a_half_closed_client_gets_all_blocks(client: Client, wsgi: Server) -> None:
    blocks = 160  # more than the buffers on the way hold, so that iteration has paused
    client.send(request(f"/stream?blocks={blocks}&size=65536"))
    head = client.sock.recv(12)
    client.push_back(head)
    client.half_close()
    with Client(wsgi) as other:
        other.assert_open()
    assert client.response().body == b"x" * 65536 * blocks
    client.assert_closed()


def test_exc_info_replaces_a_head_that_has_not_left(client: Client) -> None:
    response = client.get("/replace-the-head")
    assert (response.status, response.reason, response.body) == (503, "Sorry", b"sorry")
    assert "x-first" not in response


BEFORE_THE_HEAD = {
    "/fail": "BoomError: before the head",
    "/fail-started": "BoomError: after start_response",
    "/no-start": "AssertionError: the application did not call start_response",
    "/start-twice": "AssertionError: start_response was called twice",
    "/text": "TypeError: ",
    "/texts": "TypeError: ",
    "/none": "TypeError: 'NoneType' object is not iterable",
    "/too-long": "ResponseError: the Content-Length is 3, but the body has 4 bytes",
    "/too-short": "ResponseError: the Content-Length is 5, but the body has 4 bytes",
    "/header-crlf": "ResponseError: the value of the header b'X-A' has a forbidden byte",
    "/header-unicode": "ResponseError: '\\\\u4e2d|\u4e2d' is not Latin-1",
    "/header-name": "ResponseError: the header name b'X A' is not a token",
    "/header-name-crlf": "ResponseError: the header name b'X: 1.* is not a token",
    "/header-nul": "ResponseError: the value of the header b'X-A' has a forbidden byte",
    "/header-lf": "ResponseError: the value of the header b'X-A' has a forbidden byte",
    "/status-crlf": "ResponseError: '200 OK.* is no status of a final response",
    "/status-informational": "ResponseError: '103 Early Hints' is no status of a final response",
    "/status?line=OK": "ResponseError: 'OK' is no status",
    "/status?line=100%20Continue": "ResponseError: '100 Continue' is no status",
}


@pytest.mark.parametrize("target", BEFORE_THE_HEAD)
def test_a_failure_before_the_head_is_a_500(wsgi: Server, target: str) -> None:
    with Client(wsgi) as client:
        response = client.get(target)
        assert (response.status, response["connection"]) == (500, "close")
        assert response.body == b"500 Internal Server Error\n"
        client.assert_closed()
        wsgi.expect(BEFORE_THE_HEAD[target])
    with Client(wsgi) as client:
        client.assert_open()


@pytest.mark.parametrize(
    ("path", "error"),
    [("/fail-after", "BoomError: after the head"), ("/exc-info-too-late", "BoomError: too late")],
)
def test_a_failure_after_the_head_closes(wsgi: Server, path: str, error: str) -> None:
    with Client(wsgi) as client:
        client.send(request(path) + request("/"))
        seen = b""
        while data := client.sock.recv(65536):
            seen += data
        assert seen.count(b"HTTP/1.1") == 1
        assert seen.endswith(b"\r\n4\r\nsome\r\n")
        wsgi.expect(error)
    with Client(wsgi) as client:
        client.assert_open()


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    whole = [request("/echo", method="POST", body=b"%d" % n * 100) for n in range(16)]
    client.send(b"".join(whole))
    assert [client.response().body for _ in range(16)] == [b"%d" % n * 100 for n in range(16)]


@with_threads
def test_threads_run_requests_at_once(wsgi: Server, probe: Probe) -> None:
    """Four are inside the application together; a fifth waits its turn; others are served."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(wsgi)) for _ in range(5)]
        for client in clients:
            client.send(request(f"/wait?probe={probe.port}"))
        held = [probe.wait("waiting") for _ in range(4)]
        # All threads are taken, and the worker still accepts, reads and refuses.
        with Client(wsgi) as other:
            other.send(b"nonsense\r\n\r\n")
            assert other.response().status == 400
        for number, caller in enumerate(held):
            caller.answer(str(number))
        probe.wait("waiting").answer("4")
        answers = sorted(client.response().body for client in clients)
        assert answers == [b"0", b"1", b"2", b"3", b"4"]


@with_threads
def test_a_blocked_thread_does_not_hold_up_another(wsgi: Server, probe: Probe) -> None:
    with Client(wsgi) as blocked, Client(wsgi) as other:
        blocked.send(request(f"/wait?probe={probe.port}"))
        caller = probe.wait("waiting")
        for _ in range(10):
            other.assert_open()
        caller.answer("at last")
        assert blocked.response().body == b"at last"


@with_threads
def test_systemexit_in_a_thread_is_a_failed_request(wsgi: Server) -> None:
    with Client(wsgi) as client:
        assert client.get("/exit").status == 500
        wsgi.expect("SystemExit: the application wants to leave")
    with Client(wsgi) as client:
        client.assert_open()


@in_the_loop
def test_one_thread_runs_one_request_at_a_time(wsgi: Server, probe: Probe) -> None:
    """With --threads 1 an application that blocks holds its whole worker, as documented."""
    with Client(wsgi) as one, Client(wsgi) as two:
        one.send(request(f"/wait?probe={probe.port}"))
        caller = probe.wait("waiting")
        two.send(request("/"))
        two.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            two.sock.recv(1)
        two.sock.setblocking(True)
        caller.answer("done")
        assert one.response().body == b"done"
        assert two.response().body == b"hello"
