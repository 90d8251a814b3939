"""Requests made at random, with what they mean; and what may go wrong with them on the way."""

from typing import NamedTuple

from hypothesis import strategies as st

from http1.reading import Event, Head
from subsrv.http1 import End

_TCHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TARGET_CHARS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"#<>?')
_VALUE_CHARS = "\t" + "".join(map(chr, (*range(0x20, 0x7F), *range(0x80, 0x100))))

# Fields that the head's meaning depends on are added by hand.
_SPECIAL = {b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"}
_TRAILERS = {b"a", b"x-checksum", b"etag", b"server-timing"}


class Message(NamedTuple):
    """A request as bytes, and the events that a Reader is to make of it."""

    data: bytes
    events: tuple[Event, ...]


def texts(alphabet: str, min_size: int = 0, max_size: int = 12) -> st.SearchStrategy[bytes]:
    made = st.text(alphabet, min_size=min_size, max_size=max_size)
    return made.map(lambda text: text.encode("latin-1"))


ows = st.sampled_from([b" ", b" ", b"", b"\t", b" \t "])
values = texts(_VALUE_CHARS).map(lambda value: value.strip(b" \t"))
names = texts(_TCHARS, 1).filter(lambda name: name.lower() not in _SPECIAL)
paths = texts(_TARGET_CHARS).map(lambda path: b"/" + path)
queries = texts(_TARGET_CHARS + "?")
hosts = st.sampled_from([b"a", b"A.b:80", b"[::1]:8", b"%41_b", b"127.0.0.1:"])
bodies = st.binary(max_size=40)


@st.composite
def _lines(draw: st.DrawFn, fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(
        b"%b:%b%b%b\r\n" % (name, draw(ows), value, draw(ows)) for name, value in fields
    )


def _lower(fields: list[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower(), value) for name, value in fields)


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


@st.composite
def _extensions(draw: st.DrawFn) -> bytes:
    made = b""
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        value = draw(st.one_of(texts(_TCHARS, 1), values.map(_quoted)))
        made += b"%b;%b" % (draw(ows), draw(ows)) + draw(texts(_TCHARS, 1))
        made += draw(st.sampled_from([b"", b"=" + value, b" =\t" + value]))
    return made


@st.composite
def _chunked(draw: st.DrawFn) -> tuple[bytes, bytes, End]:
    """A chunked body as bytes, its payload, and its end."""
    data = b""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    for piece in [*pieces, b""]:
        size = draw(st.sampled_from([b"%x", b"%X", b"%04x"])) % len(piece)
        data += size + draw(_extensions()) + b"\r\n" + piece + b"\r\n" * bool(piece)
    trailer_names = st.sampled_from(sorted(_TRAILERS))
    trailers = draw(st.lists(st.tuples(trailer_names, values), max_size=2))
    return data + draw(_lines(trailers)) + b"\r\n", b"".join(pieces), End(_lower(trailers))


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A request that is right in every way."""
    method = draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"DELETE"]) | texts(_TCHARS, 1))
    path, query = draw(paths), draw(queries)
    host = draw(hosts)
    target = path + b"?" * bool(query) + query
    if draw(st.integers(0, 9)) == 0:
        target = b"http://" + host + target
    if method == b"CONNECT":
        method = b"POST"
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0"]))
    fields = draw(st.lists(st.tuples(names, values), max_size=4))
    fields.insert(
        draw(st.integers(0, len(fields))), (draw(st.sampled_from([b"Host", b"hOST"])), host)
    )

    option = draw(st.sampled_from([b"", b"", b"keep-alive", b"close", b"x, Keep-Alive"]))
    if option:
        fields.append((b"Connection", option))
    keep_alive = option != b"close" and (version == b"1.1" or b"eep-" in option)

    body, payload, length, end = b"", b"", 0, None
    framing = draw(st.sampled_from(["none", "length", "chunked"]))
    if framing == "length":
        body = payload = draw(bodies)
        length = len(body)
        end = End(()) if body else None
        fields.append((b"Content-Length", draw(st.sampled_from([b"%d", b"%03d"])) % length))
    elif framing == "chunked" and version == b"1.1":
        body, payload, end = draw(_chunked())
        fields.append((b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"Chunked"]))))
    expects = draw(st.integers(0, 9)) == 0
    if expects:
        fields.append((b"Expect", b"100-continue"))

    waits = expects and end is not None and version == b"1.1"
    head = Head(
        method.decode(),
        path,
        query,
        version.decode(),
        _lower(fields),
        keep_alive,
        chunked=end is not None and framing == "chunked",
        body_length=length,
        has_body=end is not None,
        expects_continue=waits,
        plain=keep_alive and version == b"1.1" and method != b"HEAD",
        special=waits,
        websocket=False,
    )
    data = b"%b %b HTTP/%b\r\n%b\r\n%b" % (method, target, version, draw(_lines(fields)), body)
    events: list[Event] = [head]
    events += [payload] if payload else []
    events += [end] if end is not None else []
    return Message(data, tuple(events))


# What may be where it does not belong.
_ODD = [
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\r",
        b"\r\n\r\n",
        b"\r\n ",
        b"\0",
        b"\x0b",
        b"\x7f",
        b"\x80",
        b"\xff",
    ),
    *(b" ", b"\t", b":", b";", b",", b'"', b"=", b"0", b"1", b"a", b"A:b\r\n", b"0\r\n\r\n"),
    *(b"Host: a\r\n", b"Host: b\r\n", b"Content-Length: 1\r\n", b"Content-Length: 1, 1\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Expect: a\r\n"),
    *(b"chunked", b"http://a", b"*", b"CONNECT", b"HTTP/1.1", b"HTTP/2.0", b"%", b"#", b"<"),
]


@st.composite
def damaged(draw: st.DrawFn, source: st.SearchStrategy[bytes]) -> bytes:
    """The same with something put in, left out, or repeated, once or a few times."""
    data = draw(source)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        if draw(st.booleans()):
            # Most of what matters stands at the edges of words and lines.
            edges = [i for i, byte in enumerate(data) if byte in b"\r\n:; /,"]
            place = draw(st.sampled_from(edges)) + draw(st.integers(0, 1)) if edges else place
        length = draw(st.sampled_from([0, 0, 1, 2, 10]))
        odd = draw(st.sampled_from([*_ODD, b"", data[place : place + length] * 2]))
        data = data[:place] + odd + data[place + length :]
    return data
