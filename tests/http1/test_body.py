"""Bodies: their framing (RFC 9112 sections 6 and 7), their limits, and what is no framing."""

import pytest

from http1.reading import CACHES, accepted, get, outcome, read, refusal
from subsrv.http1 import End, HeadParser, Limits, ProtocolError
from subsrv.http1.body import ChunkedBody


def post(*lines: str, version: str = "1.1") -> bytes:
    return get(*lines, start=f"POST / HTTP/{version}")


def chunked(body: bytes) -> bytes:
    return post("Transfer-Encoding: chunked") + body


# Which framing a head asks for.


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        pytest.param([], 0, id="6.3 none"),
        pytest.param(["Content-Length: 0"], 0, id="6.2 nothing"),
        pytest.param(["Content-Length: 3"], 3, id="6.2 digits"),
        pytest.param(["Content-Length: \t3 "], 3, id="9110 5.6.3 whitespace around"),
        pytest.param(["Content-Length: 000000000000000003"], 3, id="6.2 eighteen digits"),
        pytest.param(["X-Content-Length: 3"], 0, id="6.2 another name"),
        pytest.param(["Content_Length: 3"], 0, id="6.2 underscore"),
    ],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_content_length(lines: list[str], length: int, version: str) -> None:
    found = accepted(post(*lines, version=version) + b"abc"[:length])
    assert (found.head.body_length, found.head.has_body) == (length, length > 0)
    assert found.bodies == ([(b"abc", End(()))] if length else [])
    assert not found.head.chunked


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("+3", id="plus"),
        pytest.param("-3", id="minus"),
        pytest.param("-0", id="minus nothing"),
        pytest.param("0x3", id="hexadecimal"),
        pytest.param("3a", id="letter"),
        pytest.param("3.0", id="point"),
        pytest.param("1e1", id="exponent"),
        pytest.param("1_0", id="underscore"),
        pytest.param("1 0", id="space within"),
        pytest.param("3, 3", id="list of equals"),
        pytest.param("3,4", id="list"),
        pytest.param("3,", id="empty member"),
        pytest.param("3;a", id="parameter"),
        pytest.param('"3"', id="quoted"),
        pytest.param("\xb2", id="superscript"),
        pytest.param("\xa03", id="no-break space"),
        pytest.param("3\x0b", id="vertical tab"),
        pytest.param("0000000000000000003", id="nineteen digits"),
        pytest.param("9" * 400, id="400 digits"),
    ],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_content_length_refused(value: str, version: str) -> None:
    """RFC 9110 section 8.6; of a list of equal values, which may be merged, it says so too."""
    assert refusal(post(f"Content-Length: {value}", version=version)) == 400


@pytest.mark.parametrize("second", ["3", "03", "4", "", "a"])
def test_a_second_content_length_is_refused(second: str) -> None:
    assert refusal(post("Content-Length: 3", f"content-length: {second}")) == 400
    assert refusal(post(f"Content-Length: {second}", "A: b", "Content-Length: 3")) == 400


@pytest.mark.parametrize("value", ["chunked", "Chunked", "CHUNKED", " \tchunked\t "])
def test_transfer_encoding(value: str) -> None:
    head = accepted(post(f"Transfer-Encoding: {value}") + b"0\r\n\r\n").head
    assert head.chunked
    assert head.has_body
    assert head.body_length == 0


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param(["chunked, chunked"], 400, id="6.1 chunked twice"),
        pytest.param(["chunked", "chunked"], 400, id="6.1 chunked on two lines"),
        pytest.param(["gzip, chunked"], 501, id="6.1 a coding not known"),
        pytest.param(["gzip", "chunked"], 501, id="6.1 a coding not known on two lines"),
        pytest.param(["identity, chunked"], 501, id="7 identity is none any more"),
        pytest.param(["gzip"], 400, id="6.3 not chunked"),
        pytest.param(["identity"], 400, id="6.3 identity"),
        pytest.param(["chunked, gzip"], 400, id="6.3 chunked is not last"),
        pytest.param(["chunked", "identity"], 400, id="6.3 chunked is not last on two lines"),
        pytest.param([""], 400, id="6.3 empty"),
        pytest.param(["chunked", ""], 400, id="9110 5.6.1 an empty line more"),
        pytest.param(["chunked,"], 400, id="9110 5.6.1 empty member at the end"),
        pytest.param([", chunked"], 400, id="9110 5.6.1 empty member at the beginning"),
        pytest.param(["chunked;q=1"], 400, id="7 parameter"),
        pytest.param(["xchunked"], 400, id="7 another name"),
        pytest.param(["chunked x"], 400, id="7 two words"),
        pytest.param(['"chunked"'], 400, id="7 quoted"),
        pytest.param(["'chunked'"], 400, id="7 quoted otherwise"),
        pytest.param(["\x0bchunked"], 400, id="9110 5.6.3 vertical tab"),
        pytest.param(["chunked\x0c"], 400, id="9110 5.6.3 form feed"),
        pytest.param(["\xa0chunked"], 400, id="9110 5.6.3 no-break space"),
        pytest.param(["chunked\x85"], 400, id="9110 5.6.3 next line"),
        pytest.param(["chun\u00b5ed"], 400, id="not ASCII"),
        pytest.param(["chunked\0"], 400, id="9110 5.5 NUL"),
        pytest.param(["\r\n chunked"], 400, id="5.2 obs-fold"),
    ],
)
def test_transfer_encoding_refused(lines: list[str], status: int) -> None:
    named = [f"Transfer-Encoding: {line}" for line in lines]
    assert refusal(post(*named)) == status
    assert refusal(post("A: b", *named, "Z: z")) == status


@pytest.mark.parametrize("name", ["Transfer-Encoding ", "Transfer Encoding", "Transfer-Encoding\0"])
def test_names_that_are_nearly_transfer_encoding_are_refused(name: str) -> None:
    assert refusal(post(f"{name}: chunked")) == 400


@pytest.mark.parametrize("coding", ["chunked", "gzip", ""])
@pytest.mark.parametrize("length", ["0", "3", "a"])
def test_both_framings_are_refused(coding: str, length: str) -> None:
    """RFC 9112 section 6.1: an attempt at request smuggling."""
    fields = [f"Transfer-Encoding: {coding}", f"Content-Length: {length}"]
    assert refusal(post(*fields)) == 400
    assert refusal(post(*reversed(fields))) == 400


def test_http_1_0_has_no_transfer_encoding() -> None:
    """RFC 9112 section 6.1: its framing is faulty then."""
    assert refusal(post("Transfer-Encoding: chunked", version="1.0")) == 400
    keep = ["Connection: keep-alive", "Transfer-Encoding: gzip, chunked"]
    assert refusal(post(*keep, version="1.0")) == 400


# Chunks.


@pytest.mark.parametrize(
    ("data", "body"),
    [
        pytest.param(b"0\r\n\r\n", b"", id="no chunk"),
        pytest.param(b"3\r\nabc\r\n0\r\n\r\n", b"abc", id="one chunk"),
        pytest.param(b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc", id="two chunks"),
        pytest.param(b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789", id="lower-case digit"),
        pytest.param(b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", id="upper-case digit"),
        pytest.param(b"000000000000003\r\nabc\r\n0\r\n\r\n", b"abc", id="fifteen digits"),
        pytest.param(b"3\r\nabc\r\n000\r\n\r\n", b"abc", id="the last chunk's size is longer"),
        pytest.param(b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", id="data of line ends"),
        pytest.param(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n", id="data like a last chunk"),
    ],
)
def test_chunks(data: bytes, body: bytes) -> None:
    """RFC 9112 section 7.1."""
    assert accepted(chunked(data)).bodies == [(body, End(()))]


@pytest.mark.parametrize(
    "extensions",
    [
        pytest.param(b";a", id="name"),
        pytest.param(b";a=b", id="value"),
        pytest.param(b';a="b"', id="quoted value"),
        pytest.param(b';a=""', id="empty quoted value"),
        pytest.param(b';a="b;c=\xff \t,"', id="all that may stand in quotes"),
        pytest.param(b';a="\\"\\\\"', id="escapes in quotes"),
        pytest.param(b";a;b=c;d", id="several"),
        pytest.param(b" ; a = b\t;\tc", id="bad whitespace, which must be taken"),
        pytest.param(b";" + b"a" * 4092, id="4096 bytes in all"),
    ],
)
def test_chunk_extensions_are_passed_over(extensions: bytes) -> None:
    """RFC 9112 section 7.1.1."""
    data = chunked(b"3%b\r\nabc\r\n0%b\r\n\r\n" % (extensions, extensions))
    assert accepted(data).bodies == [(b"abc", End(()))]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\r\n", id="7.1 no size"),
        pytest.param(b"g\r\n", id="7.1 no digit"),
        pytest.param(b"0x3\r\n", id="7.1 0x"),
        pytest.param(b"+3\r\n", id="7.1 plus"),
        pytest.param(b"-3\r\n", id="7.1 minus"),
        pytest.param(b"1_0\r\n", id="7.1 underscore"),
        pytest.param(b" 3\r\n", id="7.1 space before"),
        pytest.param(b"3 \r\n", id="7.1 space after"),
        pytest.param(b"3\t\r\n", id="7.1 tab after"),
        pytest.param(b"3 3\r\n", id="7.1 space within"),
        pytest.param(b"\xb3\r\n", id="7.1 a digit of another script"),
        pytest.param(b"3.0\r\n", id="7.1 point"),
        pytest.param(b"3,\r\n", id="7.1 comma"),
        pytest.param(b"0000000000000003\r\n", id="7.1 sixteen digits"),
        pytest.param(b"ffffffffffffffff3\r\n", id="7.1 more than 64 bits"),
        pytest.param(b"3\n", id="2.2 bare LF after the size"),
        pytest.param(b"3\r\r\n", id="2.2 bare CR after the size"),
        pytest.param(b"3\rabc\r\n", id="2.2 CR alone after the size"),
        pytest.param(b"\n", id="2.2 LF alone"),
        pytest.param(b"3;\r\n", id="7.1.1 no name"),
        pytest.param(b"3;;a\r\n", id="7.1.1 an empty extension"),
        pytest.param(b"3;a=\r\n", id="7.1.1 no value"),
        pytest.param(b"3;a=b c\r\n", id="7.1.1 two words"),
        pytest.param(b"3;a \r\n", id="7.1.1 space at the end"),
        pytest.param(b"3;a(\r\n", id="7.1.1 name is no token"),
        pytest.param(b"3;a=\xff\r\n", id="7.1.1 value is no token"),
        pytest.param(b'3;a="b\r\n', id="7.1.1 open quotation"),
        pytest.param(b'3;a="b\r\n"\r\n', id="7.1.1 CR LF in a quotation"),
        pytest.param(b'3;a="\\\r\n"\r\n', id="7.1.1 escaped CR LF in a quotation"),
        pytest.param(b'3;a="b\n"\r\n', id="7.1.1 LF in a quotation"),
        pytest.param(b'3;a="b\rc"\r\n', id="7.1.1 CR in a quotation"),
        pytest.param(b'3;a="\0"\r\n', id="7.1.1 NUL in a quotation"),
        pytest.param(b'3;a="b"c\r\n', id="7.1.1 after a quotation"),
        pytest.param(b"3;a\0\r\n", id="7.1.1 NUL"),
        pytest.param(b"3;a\n", id="7.1.1 bare LF"),
        pytest.param(b"3;a\rb\r\n", id="7.1.1 bare CR"),
        pytest.param(b"3;" + b"a" * 4093 + b"\r\n", id="7.1.1 4097 bytes in all"),
        pytest.param(b"3;" + b"a" * 4200, id="7.1.1 no end"),
        pytest.param(b"0" * 4200, id="7.1 no end of digits"),
    ],
)
def test_chunk_sizes_refused(data: bytes) -> None:
    assert refusal(chunked(data)) == 400
    after = outcome(chunked(b"2\r\nab\r\n" + data))
    assert (after.events[1:], after.status) == ((b"ab",), 400)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"3\r\nabcd\r\n", id="longer than its size"),
        pytest.param(b"3\r\nab\r\n0", id="shorter than its size"),
        pytest.param(b"3\r\nabc0\r\n", id="nothing"),
        pytest.param(b"3\r\nabc\n0\r\n", id="bare LF"),
        pytest.param(b"3\r\nabc\r0\r\n", id="bare CR"),
        pytest.param(b"3\r\nabc\r\r\n0", id="CR twice"),
        pytest.param(b"3\r\nabc \r\n0", id="space"),
        pytest.param(b"3\r\nabc\n\r0", id="the wrong way round"),
    ],
)
def test_chunks_end_in_cr_lf(data: bytes) -> None:
    """RFC 9112 section 7.1."""
    assert refusal(chunked(data)) == 400


def test_a_line_without_end_is_refused_when_it_is_too_long() -> None:
    assert outcome(chunked(b"3;" + b"a" * 4093)).error is None
    assert refusal(chunked(b"3;" + b"a" * 4094)) == 400


def test_a_decoder_looks_at_nothing_before_its_position() -> None:
    with pytest.raises(ProtocolError):
        ChunkedBody(Limits()).decode(b"\r\n", 1)


def test_extensions_are_bounded_for_each_body() -> None:
    line = b"1;" + b"a" * 4091 + b"\r\nx\r\n"
    four = outcome(chunked(line * 4))
    assert (four.events[1:], four.error) == ((b"xxxx",), None)
    assert outcome(chunked(line * 4 + b"0\r\n\r\n") + get()).error is None
    assert outcome(chunked(line * 4 + b"0;aaaaaaaaaaaaaaaaaaaa\r\n\r\n")).status == 400


# Trailers.


def test_trailers() -> None:
    """RFC 9112 section 7.1.2: kept apart from the header fields."""
    found = accepted(chunked(b"1\r\na\r\n0\r\nA: b\r\nB:\r\na:\tc \r\n\r\n"))
    assert found.bodies == [(b"a", End(((b"a", b"b"), (b"b", b""), (b"a", b"c"))))]
    assert len(found.head.headers) == 2


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"A", id="5 no colon"),
        pytest.param(b"A : b", id="5.1 space before the colon"),
        pytest.param(b": b", id="5 no name"),
        pytest.param(b" A: b", id="5.2 begins with a space"),
        pytest.param(b"A: b\r\n c", id="5.2 obs-fold"),
        pytest.param(b"A: b\rc", id="2.2 bare CR"),
        pytest.param(b"A: b\nc: d", id="2.2 bare LF"),
        pytest.param(b"A: \0", id="9110 5.5 NUL"),
        pytest.param(b"A\xe9: b", id="9110 5.1 name is not ASCII"),
        pytest.param(b"\r", id="2.2 CR before CR LF"),
        pytest.param(b"GET / HTTP/1.1", id="5 the next request's line"),
    ],
)
def test_trailers_refused(line: bytes) -> None:
    assert refusal(chunked(b"0\r\n" + line + b"\r\n")) == 400
    assert refusal(chunked(b"0\r\nB: c\r\n" + line + b"\r\n")) == 400


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Connection",
        "Content-Encoding",
        "Content-Length",
        "Cookie",
        "Host",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "tRANSFER-eNCODING",
    ],
)
def test_fields_that_must_not_be_trailers(name: str) -> None:
    """RFC 9110 section 6.5.1."""
    assert refusal(chunked(b"0\r\nA: b\r\n%b: 0\r\n" % name.encode())) == 400


def test_a_last_chunk_ends_in_an_empty_line() -> None:
    assert refusal(chunked(b"0\r\n\n")) == 400
    assert refusal(chunked(b"0\r\n\rX\r\n")) == 400
    assert outcome(chunked(b"0\r\n")).bodies == []


# Limits: exactly, and one more.


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_length_may_be_as_large_as_the_limit(version: str) -> None:
    limits = Limits(body=3)
    assert accepted(post("Content-Length: 3", version=version) + b"abc", limits=limits).bodies
    assert refusal(post("Content-Length: 4", version=version), limits=limits) == 413
    assert refusal(post(f"Content-Length: {'9' * 18}", version=version), limits=limits) == 413


def test_chunks_together_may_be_as_large_as_the_limit() -> None:
    limits = Limits(body=3)
    ended = b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert accepted(chunked(ended), limits=limits).bodies == [(b"abc", End(()))]
    assert refusal(chunked(b"4\r\n"), limits=limits) == 413
    over = outcome(chunked(b"2\r\nab\r\n2\r\n"), limits=limits)
    assert (over.events[1:], over.status) == ((b"ab",), 413)
    assert refusal(chunked(b"f" * 15 + b"\r\n"), limits=limits) == 413


def test_trailers_may_be_as_large_as_the_limit_on_fields() -> None:
    limits = Limits(header_size=40)

    def ended(size: int) -> bytes:
        return chunked(b"0\r\nA: b\r\nB: " + b"c" * (size - 11) + b"\r\n\r\n")

    assert len(outcome(ended(40), limits=limits).bodies) == 1
    assert outcome(ended(40) + get(), limits=limits).error is None
    for size in (41, 42, 43, 99):
        assert refusal(ended(size), limits=limits) == 431
    assert refusal(ended(99)[:-4], limits=limits) == 431


@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_little_room_for_trailers(room: int) -> None:
    limits = Limits(header_size=39)
    filled = chunked(b"0\r\n" + b"A:" + b"b" * (35 - room) + b"\r\n")
    assert outcome(filled + b"\r\n", limits=limits).bodies
    assert outcome(filled + b"\r\n" + get(), limits=limits).error is None
    assert refusal(filled + b"B:\r\n", limits=limits) == 431


def test_there_may_be_as_many_trailers_as_field_lines() -> None:
    limits = Limits(header_count=2)
    ended = chunked(b"0\r\nA:\r\nB:\r\n\r\n")
    assert accepted(ended, limits=limits).bodies[0][1] == End(((b"a", b""), (b"b", b"")))
    assert refusal(chunked(b"0\r\nA:\r\nB:\r\nC:\r\n"), limits=limits) == 431


# How a body's pieces are delivered.


@pytest.mark.parametrize("cache", CACHES)
def test_a_large_body_is_delivered_as_it_comes(cache: int) -> None:
    body = bytes(range(256)) * 1024
    head = post(f"Content-Length: {len(body)}")
    parser = HeadParser(Limits(), cache=cache)
    cut = [head, *(body[place : place + 65536] for place in range(0, len(body), 65536))]
    assert read(cut, parser).bodies == [(body, End(()))]
    assert len(read(cut[:3], parser).events[1]) == 131072
