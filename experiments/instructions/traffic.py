"""What is asked of the worker: each path as bytes, the same in every run."""

from collections.abc import Callable
from dataclasses import dataclass

from experiments.instructions.browsers import varied

CONNECTIONS = 64
"""As many requests come at once as a busy worker finds in one wait."""

HOST = "127.0.0.1:8080"  # whatever the port is, so that every head is as long

_BODY = b"0123456789abcdef" * 256  # 4 KB
_FIELDS = f"Host: {HOST}\r\n"

#: The request, by its number, that is sent at once on one connection; or several of them.
type Make = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One way through the server.

    `batches` of a request on each connection are counted, after as many as it takes for caches and
    the interpreter's specialisation to settle. With `closes` each has a connection of its own.
    """

    name: str
    interface: str
    make: Make
    depth: int = 1
    status: int = 200
    closes: bool = False
    batches: int = 5
    warm_up: int = 4

    @property
    def requests(self) -> int:
        """How many are counted."""
        return self.batches * CONNECTIONS * self.depth


def _plain(method: str, *more: str, body: bytes = b"") -> bytes:
    lines = "".join(f"{line}\r\n" for line in more)
    return f"{method} / HTTP/1.1\r\n{_FIELDS}{lines}\r\n".encode() + body


def _same(data: bytes) -> Make:
    return lambda _number: data


_HELLO = _plain("GET")


def _target(number: int) -> bytes:
    """As a program asks for one thing after the other."""
    return _plain("GET").replace(b" / ", b" /articles/%d?page=%d " % (number * 7919, number % 10))


def _small_post(number: int) -> bytes:
    body = b'{"id": %d, "text": "%b"}' % (number, b"x" * (number * 31 % 40))
    return _plain(
        "POST", "Content-Type: application/json", f"Content-Length: {len(body)}", body=body
    )


_POST = _plain("POST", f"Content-Length: {len(_BODY)}", body=_BODY)
_HALF = len(_BODY) // 2
_CHUNKED = _plain("POST", "Transfer-Encoding: chunked") + b"".join(
    b"%x\r\n%b\r\n" % (len(part), part) for part in (_BODY[:_HALF], _BODY[_HALF:], b"")
)

INTERFACES = ("native", "asgi", "wsgi")


def _paths() -> list[Path]:
    found = []
    for each in INTERFACES:
        found += [
            Path(name=f"{each} hello", interface=each, make=_same(_HELLO), batches=10),
            # By then every browser has come more than twice.
            Path(name=f"{each} varied", interface=each, make=varied, warm_up=16),
            Path(name=f"{each} targets", interface=each, make=_target),
            # By then every length has come more than twice.
            Path(name=f"{each} small post", interface=each, make=_small_post, warm_up=8),
            Path(name=f"{each} post 4 KB", interface=each, make=_same(_POST)),
            Path(name=f"{each} chunked post", interface=each, make=_same(_CHUNKED)),
            Path(
                name=f"{each} pipelined 16",
                interface=each,
                make=_same(_HELLO * 16),
                depth=16,
                batches=1,
                warm_up=1,
            ),
        ]
        if each != "native":
            found.append(
                Path(name=f"{each} stream", interface=each, make=_same(_plain("STREAM")), batches=4)
            )
    closing = _same(_plain("GET", "Connection: close"))
    refused = _same(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
    found += [
        *(
            Path(name=f"{each} connect, close", interface=each, make=closing, closes=True)
            for each in INTERFACES
        ),
        Path(name="native refused", interface="native", make=refused, status=400, closes=True),
    ]
    return found


PATHS = _paths()
