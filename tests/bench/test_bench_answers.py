"""The reader of answers: whole, byte by byte, and what it refuses."""

import pytest

from subsrv.bench.answers import Answer, AnswerReader, MalformedError

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: Chunked\r\n\r\n"

_ANSWERS = [
    pytest.param(
        _OK + b"content-length: 5\r\n\r\nhello", Answer(200, 5, True, b"hello"), id="length"
    ),
    pytest.param(_OK + b"Content-Length: 0\r\n\r\n", Answer(200, 0, True, b""), id="empty"),
    pytest.param(
        _OK + b"Content-Length: 2\r\nContent-Length:2\r\n\r\nok",
        Answer(200, 2, True, b"ok"),
        id="the same length twice",
    ),
    pytest.param(
        _OK + b"Content-Length: 1\r\nConnection: close\r\n\r\n!",
        Answer(200, 1, False, b"!"),
        id="close",
    ),
    pytest.param(
        b"HTTP/1.0 200\r\nContent-Length: 1\r\n\r\n!", Answer(200, 1, False, b"!"), id="1.0"
    ),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\n!",
        Answer(200, 1, True, b"!"),
        id="1.0 kept",
    ),
    pytest.param(
        _CHUNKED + b"5\r\nhello\r\n6;a=b\r\n\r\n\r\n!!\r\n0\r\n\r\n",
        Answer(200, 11, True, b"hello\r\n\r\n!!"),
        id="chunks",
    ),
    pytest.param(
        _CHUNKED + b"A\r\n0123456789\r\n00\r\nX-Sum: 1\r\n\r\n",
        Answer(200, 10, True, b"0123456789"),
        id="trailers",
    ),
    pytest.param(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\n"
        + _OK
        + b"Content-Length: 1\r\n\r\n!",
        Answer(200, 1, True, b"!"),
        id="informational",
    ),
    pytest.param(b"HTTP/1.1 204 \r\n\r\n", Answer(204, 0, True, b""), id="204"),
    pytest.param(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        Answer(304, 0, True, b""),
        id="304",
    ),
]


@pytest.mark.parametrize(("data", "wanted"), _ANSWERS)
def test_answers_one_after_the_other_in_any_pieces(data: bytes, wanted: Answer) -> None:
    for size in (len(data), 1, 2, 3, 7):
        reader = AnswerReader(keep_body=True)
        for _ in range(2):
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            for piece in pieces[:-1]:
                assert reader.feed(piece) is None
                assert reader.begun
                assert reader.end() is None
            assert reader.feed(pieces[-1]) == wanted
            assert not reader.begun


@pytest.mark.parametrize(("data", "wanted"), _ANSWERS)
def test_a_body_is_counted_where_it_is_not_kept(data: bytes, wanted: Answer) -> None:
    answer = AnswerReader().feed(data)
    assert answer is not None
    assert (answer.length, answer.body) == (wanted.length, None)


def test_the_answer_to_head_has_no_body() -> None:
    reader = AnswerReader()
    for framing in (b"Content-Length: 9", b"Transfer-Encoding: chunked"):
        assert reader.feed(_OK + framing + b"\r\n\r\n", head_only=True) == Answer(
            200, 0, True, None
        )


def test_the_close_ends_a_body_of_no_length() -> None:
    reader = AnswerReader(keep_body=True)
    assert reader.feed(_OK + b"\r\n") is None
    assert reader.feed(b"all") is None
    assert reader.feed(b" of it") is None
    assert reader.end() == Answer(200, 9, False, b"all of it")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/2 200 OK\r\n\r\n", "status line"),
        (b"ICY 200 OK\r\n\r\n", "status line"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "status line"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "101"),
        (_OK + b"a b: c\r\n\r\n", "header line"),
        (_OK + b" folded\r\n\r\n", "header line"),
        (_OK + b"Content-Length: -1\r\n\r\n", "not one number"),
        (_OK + b"Content-Length: 1, 1\r\n\r\n", "not one number"),
        (_OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "not one number"),
        (_OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "with 1 lengths"),
        (_OK + b"Transfer-Encoding: gzip\r\n\r\n", "gzip"),
        (_OK + b"Content-Length: 1\r\n\r\n!!", "1 bytes more"),
        (_OK + b"Content-Length: 0\r\n\r\nHTTP", "4 bytes more"),
        (_CHUNKED + b"x\r\n", "chunk of the size"),
        (_CHUNKED + b"-1\r\n", "chunk of the size"),
        (_CHUNKED + b"\r\n", "chunk of the size"),
        (_CHUNKED + b"1\r\nab\r\n", "longer than it says"),
        (_CHUNKED + b"0\r\n\r\nHTTP", "4 bytes more"),
        (_CHUNKED + b"1" * 20000, "does not end"),
        (b"x" * 70000, "no end of its head"),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        AnswerReader().feed(data)


def test_a_rest_that_comes_later_is_refused_too() -> None:
    reader = AnswerReader()
    reader.feed(_OK + b"Content-Length: 3\r\n\r\nab")
    with pytest.raises(MalformedError, match="2 bytes more"):
        reader.feed(b"cde")


def test_many_different_heads_are_read_rightly() -> None:
    reader = AnswerReader()
    for number in range(1000):
        head = _OK + b"X-Number: %d\r\nContent-Length: %d\r\n\r\n" % (number, number % 7)
        answer = reader.feed(head + b"x" * (number % 7))
        assert answer is not None
        assert answer.length == number % 7
