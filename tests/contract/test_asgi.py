"""ASGI's promises to the application."""

import pytest

from contract.probe import Probe
from contract.serving import Server
from contract.wire import Client, request


def test_the_scope(client: Client, asgi: Server) -> None:
    scope = client.get("/scope?a=%20b", "X-Two: 1", "x-two: 2", "X-Latin: \xe9").json()
    host, port = asgi.address
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/scope",
        "raw_path": "/scope",
        "query_string": "a=%20b",
        "root_path": "",
        "headers": [
            ["host", "test"],
            ["x-two", "1"],
            ["x-two", "2"],
            ["x-latin", "\xe9"],
        ],
        "client": list(client.sock.getsockname()),
        "server": [host, port],
        "extensions": {
            "http.response.early_hint": {},
            "http.response.pathsend": {},
            "http.response.trailers": {},
        },
        "state": {"greeting": "from startup", "shared": scope["state"]["shared"]},
    }


def test_equal_heads_of_two_clients_are_theirs(asgi: Server) -> None:
    with Client(asgi) as one, Client(asgi) as two:
        for client in (one, two) * 4:
            assert client.get("/scope").json()["client"] == list(client.sock.getsockname())


def test_the_path_is_decoded(client: Client) -> None:
    client.send(request("/%73cope") + request("/scope/%e4%b8%ad%2F%zz"))
    assert client.response().json()["path"] == "/scope"
    assert client.response().status == 404


def test_each_request_has_its_own_copy_of_the_state(client: Client) -> None:
    first, second = client.get("/state").json(), client.get("/state").json()
    assert first["greeting"] == second["greeting"] == "from startup"
    assert "mine" not in second  # what a request adds is its own,
    assert len(second["shared"]) == len(first["shared"]) + 1  # but the copy is shallow


def test_tasks_and_context_are_those_of_one_request(asgi: Server, probe: Probe) -> None:
    with Client(asgi) as one, Client(asgi) as two:
        one.send(request(f"/context?value=one&probe={probe.port}"))
        caller = probe.wait("waiting")
        assert two.get("/context?value=two").json() == {
            "task": True,
            "before": "unset",
            "after": "two",
            "child": "two",
        }
        caller.answer()
        assert one.response().json()["after"] == "one"


def test_context_does_not_leak_into_pipelined_requests(client: Client, probe: Probe) -> None:
    """The second is begun by the first one's last send, within its task."""
    client.send(request(f"/context?value=one&probe={probe.port}") + request("/context?value=two"))
    probe.wait("waiting").answer()
    one, two = client.response().json(), client.response().json()
    assert (one["before"], one["after"]) == ("unset", "one")
    assert (two["before"], two["after"]) == ("unset", "two")
    assert two["task"]


@pytest.mark.parametrize("end", ["close", "reset", "half_close"])
@pytest.mark.parametrize("start", ["", "&start=1"], ids=["", "started"])
def test_a_client_that_leaves_is_told_of(asgi: Server, probe: Probe, end: str, start: str) -> None:
    with Client(asgi) as client:
        client.send(request(f"/disconnect?probe={probe.port}{start}", method="POST", body=b"abc"))
        caller = probe.wait("reading")
        if start:
            assert b"begun" in client.sock.recv(65536)
        getattr(client, end)()
        caller.answer()
        probe.wait("http.disconnect").answer()
        probe.wait("http.disconnect").answer()


def test_a_client_that_leaves_in_its_body_is_told_of(asgi: Server, probe: Probe) -> None:
    with Client(asgi) as client:
        target = f"/disconnect-in-body?probe={probe.port}"
        client.send(request(target, "Content-Length: 10", method="POST") + b"abc")
        probe.wait("http.request").answer()
    probe.wait("http.disconnect").answer()


def test_send_raises_once_the_client_is_gone(asgi: Server, probe: Probe) -> None:
    with Client(asgi) as client:
        client.send(request(f"/send-after-disconnect?probe={probe.port}"))
        assert b"begun" in client.sock.recv(65536)
        client.reset()
        probe.wait("http.disconnect").answer()
        probe.wait("OSError").answer()


def test_receive_says_disconnect_after_the_response(client: Client, probe: Probe) -> None:
    client.send(request(f"/after-response?probe={probe.port}") + request("/"))
    assert client.response().body == b"done"
    probe.wait("http.disconnect").answer()
    # And while that task goes on, the connection serves the next request.
    assert client.response().body == b"hello"
    probe.wait("background").answer()
    probe.wait("finished").answer()


def test_a_connection_is_freed_when_the_application_minds_the_disconnect(
    asgi: Server, probe: Probe
) -> None:
    """The application returns without an answer: nothing may be left of that connection."""
    for _ in range(3):
        with Client(asgi) as client:
            client.send(request(f"/disconnect?probe={probe.port}"))
            caller = probe.wait("reading")
            client.half_close()
            caller.answer()
            probe.wait("http.disconnect").answer()
            probe.wait("http.disconnect").answer()
            client.assert_closed()


@pytest.mark.parametrize("start", ["", "&start=1"], ids=["", "started"])
def test_the_last_message_raises_too(asgi: Server, probe: Probe, start: str) -> None:
    with Client(asgi) as client:
        client.send(request(f"/last-piece?probe={probe.port}{start}"))
        if start:
            assert b"begun" in client.sock.recv(65536)
        client.reset()
        probe.wait("http.disconnect").answer()
        probe.wait("OSError").answer()


def test_anyio_sees_asyncio_and_its_task(client: Client) -> None:
    assert client.get("/anyio").json() == ["child", "thread", True, "asyncio", True]


# Extensions.


@pytest.mark.parametrize("pieces", ["", "?pieces=1"])
def test_trailers(client: Client, pieces: str) -> None:
    client.request(f"/trailers{pieces}", "TE: gzip, trailers", "Connection: TE")
    *_, end = client.events()
    assert list(end.headers) == [(b"x-digest", b"1"), (b"x-status", b"fine")]
    client.assert_open()


@pytest.mark.parametrize(
    ("target", "te", "version"),
    [("/trailers", "", "1.1"), ("/trailers?length=1", "TE: trailers", "1.1")],
    ids=["not asked for", "a known length"],
)
def test_trailers_that_cannot_be_sent_are_left_out(
    client: Client, target: str, te: str, version: str
) -> None:
    client.request(target, *filter(None, [te]), version=version)
    *_, end = client.events()
    assert list(end.headers) == []
    client.assert_open()


def test_trailers_are_nothing_for_http_1_0_and_head(client: Client) -> None:
    assert client.get("/trailers", "TE: trailers", method="HEAD").body == b""
    assert client.get("/trailers", "TE: trailers", version="1.0").body == b"body"


def test_early_hints(client: Client) -> None:
    client.request("/hints")
    hints = [event for event in client.events() if getattr(event, "status_code", 0) == 103]
    link = b"</style.css>; rel=preload; as=style", b"</app.js>; rel=preload; as=script"
    assert [hint.headers.raw_items() for hint in hints] == [[(b"link", each) for each in link]] * 2
    client.assert_open()


def test_early_hints_are_nothing_for_http_1_0(client: Client) -> None:
    response = client.get("/hints", version="1.0")
    assert (response.interim, response.body) == ([], b"something")


BEFORE_THE_HEAD = {
    "/raise-before": "BoomError: before the head",
    "/raise-started": "BoomError: after start",
    "/nothing": "returned before its response was complete in GET /nothing$",
    "/only-start": "returned before its response was complete in GET /only-start$",
    "/too-long": "ResponseError: the Content-Length is 3, but the body has 4 bytes",
    "/too-short": "ResponseError: the Content-Length is 5, but the body has 4 bytes",
    "/header-lf": "ResponseError: the value of the header b'x-a' has a forbidden byte",
    "/header-cr": "ResponseError: the value of the header b'x-a' has a forbidden byte",
    "/header-nul": "ResponseError: the value of the header b'x-a' has a forbidden byte",
    "/header-name": "ResponseError: the header name b'x a' is not a token",
    "/header-name-crlf": "ResponseError: the header name b'x: 1.*' is not a token",
    "/header-type": "ResponseError: 7 .*is neither",
    "/body-type": "TypeError: .* int found",
    "/status-99": "ResponseError: 99 is no status",
    "/status-100": "ResponseError: 100 is no status",
    "/status-text": "ResponseError: 'many' is no status",
    "/status-crlf": "ResponseError: '200 OK.*' is no status",
    "/body-first": "RuntimeError: unexpected message 'http.response.body'",
    "/start-twice": "RuntimeError: unexpected message 'http.response.start'",
    "/unknown-message": "RuntimeError: unexpected message 'http.response.surprise'",
    "/trailers-early": "RuntimeError: unexpected message 'http.response.trailers'",
    "/hint-lf": "ResponseError: the value of the header b'link' has a forbidden byte",
}


@pytest.mark.parametrize("path", BEFORE_THE_HEAD)
def test_a_failure_before_the_head_is_a_500(faulty: Server, path: str) -> None:
    with Client(faulty) as client:
        response = client.get(path)
        assert (response.status, response["connection"]) == (500, "close")
        assert response.body == b"500 Internal Server Error\n"
        client.assert_closed()
        faulty.expect(BEFORE_THE_HEAD[path])
    with Client(faulty) as client:
        client.assert_open()


AFTER_THE_HEAD = {
    "/raise-after": "BoomError: after the head",
    "/unfinished": "returned before its response was complete in GET /unfinished$",
    "/too-long-later": "ResponseError: the body is longer than its Content-Length 3",
    "/too-short-later": "ResponseError: the body is 1 bytes short of its Content-Length",
    "/trailers-unasked": "RuntimeError: unexpected message 'http.response.trailers'",
    "/trailers-missing": "returned before its response was complete in GET /trailers-missing$",
    "/trailers-forbidden": "ResponseError: the field b'content-length' must not come in a trailer",
    "/trailers-then-body": "RuntimeError: .*: trailers are to follow",
}


@pytest.mark.parametrize("path", AFTER_THE_HEAD)
def test_a_failure_after_the_head_closes(faulty: Server, path: str) -> None:
    with Client(faulty) as client:
        client.send(request(path) + request("/"))
        seen = b""
        while data := client.sock.recv(65536):
            seen += data
        assert seen.count(b"HTTP/1.1") == 1  # nothing follows what is not whole
        assert not seen.endswith(b"0\r\n\r\n")
        faulty.expect(AFTER_THE_HEAD[path])
    with Client(faulty) as client:
        client.assert_open()


def test_a_failure_after_the_response_is_only_logged(faulty: Server) -> None:
    with Client(faulty) as client:
        assert client.get("/raise-complete").body == b"whole"
        faulty.expect("BoomError: after the response")
        client.assert_open()


def test_an_application_that_swallows_our_error_is_answered_for(faulty: Server) -> None:
    with Client(faulty) as client:
        assert client.get("/swallow").status == 500
        faulty.expect("returned before its response was complete in GET /swallow$")
