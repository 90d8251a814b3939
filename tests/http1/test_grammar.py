"""Which bytes may stand where, for all 256 of them, against the RFCs' own lists."""

import re
import string

import pytest

from subsrv.http1 import grammar

ALPHANUMERIC = string.ascii_letters + string.digits
TCHAR = "!#$%&'*+-.^_`|~" + ALPHANUMERIC  # RFC 9110 section 5.6.2
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))  # VCHAR of RFC 5234
OBS_TEXT = "".join(map(chr, range(0x80, 0x100)))
# RFC 3986 section 2, and what browsers send besides; what a fragment or quotes would need is not.
TARGET = "".join(sorted(set(VISIBLE) - set('"#<>')))
VALUE = "\t " + VISIBLE + OBS_TEXT  # RFC 9110 section 5.5
REGISTERED_NAME = ALPHANUMERIC + "-._~" + "!$&'()*+,;="  # RFC 3986 section 3.2.2
QUOTED = "\t !" + "".join(map(chr, range(0x23, 0x5C))) + "]^_`" + string.ascii_lowercase + "{|}~"


@pytest.mark.parametrize(
    ("pattern", "text", "allowed"),
    [
        pytest.param(grammar.token, "a?b", TCHAR, id="token"),
        pytest.param(grammar.request_line, "?GET / HTTP/1.1", TCHAR, id="method"),
        pytest.param(grammar.request_line, "GET /? HTTP/1.1", TARGET, id="target"),
        pytest.param(grammar.request_line, "GET / HTTP/?.1", string.digits, id="major version"),
        pytest.param(grammar.request_line, "GET / HTTP/1.?", string.digits, id="minor version"),
        pytest.param(grammar.request_line, "GET?/ HTTP/1.1", " ", id="first space"),
        pytest.param(grammar.request_line, "GET /?HTTP/1.1", " ", id="second space"),
        pytest.param(grammar.field_line, "a?:b", TCHAR + ":", id="field name, or its end"),
        pytest.param(grammar.field_line, "?:", TCHAR, id="first of a field name"),
        pytest.param(grammar.field_line, "a:?", VALUE, id="field value"),
        pytest.param(grammar.field_value, "?", VALUE, id="field value of a response"),
        pytest.param(grammar.host, "a?b", REGISTERED_NAME, id="host name"),
        pytest.param(grammar.host, "[?::]", string.hexdigits, id="IPv6"),
        pytest.param(grammar.host, "[::1.2.3.?]", string.digits, id="IPv4 in IPv6"),
        pytest.param(grammar.host, "a:1?", string.digits, id="port"),
        pytest.param(grammar.host, "%a?", string.hexdigits, id="percent-encoding"),
        pytest.param(grammar.content_length, "1?", string.digits, id="Content-Length"),
        pytest.param(grammar.chunk_line, "1?", string.hexdigits, id="chunk size"),
        pytest.param(grammar.chunk_line, "1;?", TCHAR, id="extension name"),
        pytest.param(grammar.chunk_line, "1;a=?", TCHAR, id="extension value"),
        pytest.param(grammar.chunk_line, '1;a="?"', QUOTED + OBS_TEXT, id="quoted value"),
        pytest.param(grammar.chunk_line, '1;a="\\?"', VALUE, id="escaped in a quoted value"),
    ],
)
def test_which_bytes_may_stand_where(pattern: re.Pattern[bytes], text: str, allowed: str) -> None:
    found = [
        char
        for char in map(chr, range(256))
        if pattern.fullmatch(text.replace("?", char).encode("latin-1"))
    ]
    assert found == sorted(allowed)


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (b"", []),
        (b" , \t,", []),
        (b"a", [b"a"]),
        (b" A ,b\t, ,C c,", [b"a", b"b", b"c c"]),
        (b"\xa0a\x0b", [b"\xa0a\x0b"]),
    ],
)
def test_lists(value: bytes, members: list[bytes]) -> None:
    """RFC 9110 section 5.6.1."""
    assert grammar.tokens(value) == members
