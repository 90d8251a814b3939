"""What a case is: bytes, why they are interesting, and every answer that the RFCs allow.

Verdicts are derived from RFC 9110 and 9112 alone, never from what some server does:

- Where a MUST names a status (400 for a missing Host, say), only that is right.
- What does not match the grammar is not to be processed, but for the exceptions that the RFCs list
  (9112 section 2.2: SHOULD 400, and close). Any refusal of it is right, a 4xx or 5xx, and so is
  closing without an answer.
- What does match the grammar and is only unwise (a higher version, `GET *`, a coding that is not
  known) may be answered.
- Where the RFCs let a recipient repair what is malformed (bare LF, obs-fold, equal
  Content-Lengths), taking it is right as well, in that meaning only.
- What a server may do with any request is always right too, where it is stated in the case: 501
  for a method or coding that it does not know, 417, 413, 431.
- A server may close after any answer (9112 section 9.3): what it leaves unanswered then, behind
  one that it has answered, a client knows to send again.
- After a message whose end is unclear nothing may be read as a request, and where 9112 says so the
  connection must be closed.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that reaches the application, as the application sees it."""

    method: str = "GET"
    path: str = "/"
    """decoded"""
    query: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    """Some of them, which must be there with these values; names in lower case."""
    absent: tuple[str, ...] = ()
    """Names which must not be there."""


@dataclass(frozen=True)
class Refused:
    """An error response, by the server's own hand."""

    status: int = 400
    """Ours."""
    others: tuple[int, ...] = ()
    """These are right too."""
    any: bool = False
    """Any refusal is right; see the module."""

    def allows(self, status: int) -> bool:
        """Whether it is right to refuse with this."""
        if status == self.status or status in self.others:
            return True
        return self.any and 400 <= status < 600


class Then(Enum):
    """What becomes of the connection after the last answer."""

    ANY = "stays open or is closed"
    OPEN = "stays open"
    CLOSED = "is closed"


@dataclass(frozen=True)
class Allowed:
    """One right behaviour: these answers in this order and no more, and then this."""

    steps: tuple[Seen | Refused, ...]
    then: Then = Then.ANY


@dataclass(frozen=True, kw_only=True)
class Case:
    """See the module. The first of `allowed` is what subsrv does, status and all."""

    name: str
    data: bytes
    why: str
    allowed: tuple[Allowed, ...]
    http2: bool = False
    """A server that speaks HTTP/2 without TLS may answer in that."""


def ok(*seen: Seen, then: Then = Then.ANY) -> Allowed:
    """These requests reach the application."""
    return Allowed(seen or (Seen(),), then)


def bad(status: int = 400, *, after: tuple[Seen, ...] = ()) -> tuple[Allowed, ...]:
    """Malformed: any refusal is right, and so is closing, or waiting for what can never come."""
    return Allowed((*after, Refused(status, any=True))), Allowed(after)


def unframed(status: int = 400, *, after: tuple[Seen, ...] = ()) -> tuple[Allowed, ...]:
    """Nobody knows where the message ends: it is refused, and the connection is closed."""
    return (
        Allowed((*after, Refused(status, any=True)), Then.CLOSED),
        Allowed(after, Then.CLOSED),
    )


def must(status: int, *others: int, after: tuple[Seen, ...] = ()) -> tuple[Allowed, ...]:
    """The RFCs name the status."""
    return (Allowed((*after, Refused(status, others))),)


def waits() -> tuple[Allowed, ...]:
    """Not whole: there is nothing to answer yet, and no harm in refusing at once."""
    return Allowed(()), *bad()


def get(*lines: bytes, start: bytes = b"GET / HTTP/1.1", host: bytes | None = b"Host: a") -> bytes:
    """A head with these lines, and Host as the first unless that is None."""
    hosts = () if host is None else (host,)
    return b"\r\n".join((start, *hosts, *lines, b"", b""))


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """A POST with these lines and this body."""
    return get(*lines, start=b"POST / HTTP/1.1") + body


def chunked(*pieces: bytes, lines: tuple[bytes, ...] = ()) -> bytes:
    """A POST with a chunked body of these raw pieces."""
    return post(b"Transfer-Encoding: chunked", *lines, body=b"".join(pieces))


SMUGGLED = get(start=b"GET /smuggled HTTP/1.1")
"""What must never reach the application where it stands behind a message whose end is unclear."""

NEXT = get(start=b"GET /next HTTP/1.1")
"""A request behind one that is right."""

SEEN_NEXT = Seen(path="/next")
