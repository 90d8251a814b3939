"""Persistence, pipelining, HEAD, Expect, Upgrade (RFC 9112 section 9, RFC 9110 7 to 10)."""

from experiments.conformance.case import (
    NEXT,
    SEEN_NEXT,
    SMUGGLED,
    Allowed,
    Case,
    Refused,
    Seen,
    Then,
    bad,
    get,
    ok,
    post,
    unframed,
)

_OLD = b"GET / HTTP/1.0"


def _closes(name: str, data: bytes, why: str = "9112 9.6: MUST NOT read on behind close") -> Case:
    return Case(name=name, data=data + SMUGGLED, why=why, allowed=(ok(then=Then.CLOSED),))


def _persists(name: str, data: bytes, why: str) -> Case:
    """9112 section 9.3 lets a server close all the same."""
    return Case(
        name=name, data=data + NEXT, why=why, allowed=(ok(Seen(), SEEN_NEXT), ok(then=Then.CLOSED))
    )


def _expect(name: str, lines: tuple[bytes, ...], why: str, *allowed: Allowed) -> Case:
    return Case(name=name, data=post(*lines), why=why, allowed=allowed)


_POSTED = Seen(method="POST", body=b"abc")
_THREE = b"Content-Length: 3"

CASES = (
    _closes("close", get(b"Connection: close")),
    _closes("close in capitals", get(b"Connection: CLOSE"), "9110 7.6.1: case-insensitive"),
    _closes("close in a list", get(b"Connection: x, close , y")),
    _closes("close in a second line", get(b"Connection: x", b"Connection: close")),
    _closes("keep-alive and close", get(b"Connection: keep-alive, close"), "9112 9.3: close first"),
    _closes("close with tabs around", get(b"Connection:\tclose\t"), "9110 5.6.3"),
    _closes("1.0", get(start=_OLD), "9112 9.3: closes without keep-alive"),
    _closes("1.0 with close and keep-alive", get(b"Connection: close, keep-alive", start=_OLD)),
    _closes("1.0 with Keep-Alive alone", get(b"Keep-Alive: timeout=5", start=_OLD), "9112 9.3"),
    _persists("1.1", get(), "9112 9.3: persistent by default"),
    _persists("keep-alive in 1.1", get(b"Connection: keep-alive"), "9112 9.3"),
    _persists("keep-alive in 1.0", get(b"Connection: Keep-Alive", start=_OLD), "9112 9.3"),
    _persists("an option not known", get(b"Connection: x-foo"), "9110 7.6.1"),
    _persists("an option that ends in close", get(b"Connection: x-close"), "9110 7.6.1: a token"),
    _persists("an option like close", get(b"Connection: closed"), "9110 7.6.1: a token"),
    _persists("an empty option", get(b"Connection: ,"), "9110 5.6.1"),
    _persists("Proxy-Connection", get(b"Proxy-Connection: close"), "9112 C.2.2: means nothing"),
    _persists("Host as an option", get(b"Connection: host"), "9110 7.6.1: for intermediaries"),
    Case(
        name="a bare CR in an option",
        data=get(b"Connection: keep\ralive") + SMUGGLED,
        why="9112 2.2",
        allowed=(*bad(), ok(Seen(), Seen(path="/smuggled"))),
    ),
    Case(
        name="ten at once",
        data=b"".join(get(start=b"GET /%d HTTP/1.1" % n) for n in range(10)),
        why="9112 9.3.2: answered in order",
        allowed=(ok(*(Seen(path=f"/{n}") for n in range(10))),),
    ),
    Case(
        name="bodies between",
        data=post(_THREE, body=b"abc") + post(_THREE, body=b"abc") + NEXT,
        why="9112 9.3.2",
        allowed=(ok(_POSTED, _POSTED, SEEN_NEXT),),
    ),
    Case(
        name="a body of length 0 between",
        data=post(b"Content-Length: 0") + post(_THREE, body=b"abc") + NEXT,
        why="9112 6.3; what follows is no body",
        allowed=(ok(Seen(method="POST"), _POSTED, SEEN_NEXT),),
    ),
    Case(
        name="a malformed one behind",
        data=get() + b"INVALID\r\n\r\n" + SMUGGLED,
        why="9112 9.3.2: the first is answered; what follows the second is not read",
        allowed=unframed(after=(Seen(),)),
    ),
    Case(
        name="a malformed one behind a body",
        data=post(_THREE, body=b"abc") + b"\0 / HTTP/1.1\r\n\r\n" + SMUGGLED,
        why="9112 9.3.2",
        allowed=unframed(after=(_POSTED,)),
    ),
    Case(
        name="a malformed one behind close",
        data=get(b"Connection: close") + b"INVALID\r\n\r\n",
        why="9112 9.6: not read, so that the first is answered",
        allowed=(ok(then=Then.CLOSED),),
    ),
    Case(
        name="a byte behind a body",
        data=post(_THREE, body=b"abc") + b"d",
        why="9112 6.3: it begins another request",
        allowed=(ok(_POSTED), *bad(after=(_POSTED,))),
    ),
    Case(
        name="a NUL behind a body",
        data=post(_THREE, body=b"abc") + b"\0",
        why="9112 3: no request",
        allowed=(*bad(after=(_POSTED,)), ok(_POSTED)),
    ),
    Case(
        name="half a request behind one",
        data=get() + b"GET / HT",
        why="not whole",
        allowed=(ok(), *bad(after=(Seen(),))),
    ),
    Case(
        name="HEAD",
        data=get(start=b"HEAD / HTTP/1.1") + NEXT,
        why="9110 9.3.2: no body, so that the next response is found",
        allowed=(ok(Seen(method="HEAD"), SEEN_NEXT),),
    ),
    Case(
        name="HEAD in 1.0",
        data=get(start=b"HEAD / HTTP/1.0"),
        why="9110 9.3.2",
        allowed=(ok(Seen(method="HEAD"), then=Then.CLOSED),),
    ),
    Case(
        name="HEAD with a body",
        data=get(_THREE, start=b"HEAD / HTTP/1.1") + b"abc" + NEXT,
        why="9110 9.3.2: no meaning, and framed as any other; some reject it",
        allowed=(
            ok(Seen(method="HEAD", body=b"abc"), SEEN_NEXT),
            ok(Seen(method="HEAD"), SEEN_NEXT),
            *bad(),
        ),
    ),
    Case(
        name="Upgrade to nobody knows what",
        data=get(b"Connection: upgrade", b"Upgrade: foo/2") + NEXT,
        why="9110 7.8: MAY ignore it",
        allowed=(ok(Seen(), SEEN_NEXT), ok(then=Then.CLOSED)),
    ),
    Case(
        name="Upgrade without the option",
        data=get(b"Upgrade: websocket") + NEXT,
        why="9110 7.8: only with the option",
        allowed=(ok(Seen(), SEEN_NEXT), ok(then=Then.CLOSED)),
    ),
    Case(
        name="Upgrade in 1.0",
        data=get(b"Connection: upgrade", b"Upgrade: foo/2", start=_OLD),
        why="9110 7.8: MUST be ignored",
        allowed=(ok(then=Then.CLOSED),),
    ),
    Case(
        name="TE",
        data=get(b"TE: trailers", b"Connection: TE") + NEXT,
        why="9110 10.1.4",
        allowed=(ok(Seen(), SEEN_NEXT),),
    ),
    Case(
        name="Expect, and a body at once",
        data=post(b"Expect: 100-continue", _THREE, body=b"abc") + NEXT,
        why="9110 10.1.1: 100 may be left out",
        allowed=(ok(_POSTED, SEEN_NEXT), ok(_POSTED, then=Then.CLOSED)),
    ),
    Case(
        name="Expect in capitals",
        data=post(b"Expect: 100-Continue", _THREE, body=b"abc") + NEXT,
        why="9110 10.1.1: case-insensitive",
        allowed=(ok(_POSTED, SEEN_NEXT), ok(_POSTED, then=Then.CLOSED)),
    ),
    Case(
        name="Expect and no body",
        data=get(b"Expect: 100-continue") + NEXT,
        why="9110 10.1.1: nothing to wait for",
        allowed=(ok(Seen(), SEEN_NEXT), ok(then=Then.CLOSED)),
    ),
    Case(
        name="Expect in 1.0",
        data=get(b"Expect: 100-continue", _THREE, start=b"POST / HTTP/1.0") + b"abc",
        why="9110 10.1.1: MUST be ignored; no 100 to 1.0",
        allowed=(ok(_POSTED, then=Then.CLOSED),),
    ),
    Case(
        name="Expect, and the body has not come",
        data=post(b"Expect: 100-continue", _THREE),
        why="9110 10.1.1: MUST send 100, or the final response",
        allowed=(Allowed((), Then.OPEN), Allowed((Refused(417, any=True),))),
    ),
    Case(
        name="an expectation not known",
        data=post(b"Expect: x", _THREE, body=b"abc") + NEXT,
        why="9110 10.1.1: MAY 417, or ignore it",
        allowed=(*bad(417), ok(_POSTED, SEEN_NEXT)),
    ),
)
