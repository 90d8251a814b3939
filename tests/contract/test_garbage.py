"""No request leaves anything to the garbage collector, however it ends.

What is freed by itself is freed at once: memory does not grow until the collector runs, and no
pause of its comes of the traffic. Without a GIL it also collects what another thread was the last
to hold, so there its count says nothing.
"""

import pytest

from contract.modes import FREE_THREADED, Mode
from contract.serving import Server
from contract.wire import Client, chunked, request

pytestmark = pytest.mark.skipif(FREE_THREADED, reason="the collector frees more than cycles there")

_APPS = {
    "asgi": ("contract.apps.kit_asgi:app",),
    "wsgi": ("contract.apps.kit_wsgi:app",),
    "wsgi-threads": ("contract.apps.kit_wsgi:app", "--threads", "2"),
    "native": ("contract.apps.kit_native:app",),
}
_CHUNKED = request("/echo", "Transfer-Encoding: chunked", method="POST")
_LARGE = request("/echo", "Content-Length: 300000", method="POST")

# What is sent, in pieces; after the last, the client reads a response, or leaves if there is none.
_ANSWERED: dict[str, tuple[bytes, ...]] = {
    "a request": (request("/"),),
    "no such path": (request("/nothing"),),
    "a body": (request("/echo", method="POST", body=b"abc"),),
    "a large body": (_LARGE + b"x" * 100_000, b"x" * 200_000),
    "chunks": (_CHUNKED, chunked(b"abc", b"x" * 70_000)),
    "chunks with their head": (_CHUNKED + chunked(b"abc"),),
    "malformed": (b"GET / HTTP/1.1\r\n\r\n",),
    "malformed chunks": (_CHUNKED, b"-1\r\n"),
}
_LEFT: dict[str, tuple[bytes, ...]] = {
    "within a head": (b"GET / HT",),
    "within a body": (_LARGE + b"x" * 100_000,),
    "within a chunk": (_CHUNKED, b"3\r\nab"),
}


def _send(server: Server, pieces: tuple[bytes, ...], *, answered: bool) -> None:
    with Client(server) as client:
        for piece in pieces:
            client.send(piece)
        if answered:
            client.response()


@pytest.mark.parametrize("app", list(_APPS))
def test_no_request_leaves_garbage(app: str, mode: Mode) -> None:
    with Server(*_APPS[app], *mode.flags, "--workers", "1") as server:

        def collected() -> int:
            with Client(server) as client:
                count: int = client.get("/collected").json()["collected"]
                return count

        left: dict[str, int] = {}
        for answered, kinds in ((False, _LEFT), (True, _ANSWERED)):
            for kind, pieces in kinds.items():
                _send(server, pieces, answered=answered)  # what is made at first use
                before = collected()
                for _ in range(3):
                    _send(server, pieces, answered=answered)
                if grown := collected() - before:
                    left[kind] = grown
        assert not left
