"""Lines of the access log: what stands in them, and that no client can forge or tear one."""

import base64
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subsrv.access import Entry, Format
from subsrv.access.formats import LINE_MOST
from subsrv.errors import ConfigError
from subsrv.http1 import HeadParser, Limits, Request
from subsrv.http1.framing import USUAL
from subsrv.http1.memo import Block

_COMBINED = re.compile(
    rb'(?P<h>[!-~]+) - (?P<u>[!-~]+) \[(?P<t>[^]"]+)\] "(?P<r>[^"]*)" (?P<s>\d{3}) (?P<b>\d+|-) '
    rb'"(?P<f>[^"]*)" "(?P<a>[^"]*)"\n'
)


def request(target: bytes = b"/cart?id=7", *headers: bytes, method: bytes = b"GET") -> Request:
    head = b"\r\n".join((b"%b %b HTTP/1.1" % (method, target), b"Host: a", *headers))
    return HeadParser(Limits()).parse(head + b"\r\n\r\n", len(head))


def entry(asked: Request | None = None, line: bytes = b"", **more: Any) -> Entry:
    values: dict[str, Any] = {
        "address": "192.0.2.1",
        "request": line if asked is None else asked,
        "status": "200",
        "size": 13,
        "head": b"HTTP/1.1 200 OK\r\nX-Name: Value\r\ncontent-length: 13\r\n\r\n",
        "seconds": 0.0123456,
    }
    return Entry(**{**values, **more})


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes past one in a half-hour zone west of Greenwich."""
    monkeypatch.setenv("TZ", "XST+03:30")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.98765)


@pytest.fixture(autouse=True, scope="module")
def _zone() -> Any:
    yield
    time.tzset()  # after monkeypatch has put TZ back


BASIC = b"Authorization: Basic " + base64.b64encode(b"ann:secret")


def test_the_named_formats() -> None:
    asked = request(b"/cart?id=7", b"Referer: http://b/", b"User-Agent: c/1 (x)", BASIC)
    common = b'192.0.2.1 - ann [14/Nov/2023:18:43:20 -0330] "GET /cart?id=7 HTTP/1.1" 200 13'
    assert Format("common").line(entry(asked)) == common + b"\n"
    assert Format("combined").line(entry(asked)) == common + b' "http://b/" "c/1 (x)"\n'
    line = Format("json", worker=3).line(entry(asked))
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.987Z",
        "address": "192.0.2.1",
        "user": "ann",
        "method": "GET",
        "path": "/cart",
        "query": "id=7",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 13,
        "referer": "http://b/",
        "user_agent": "c/1 (x)",
        "duration": 0.012346,
        "worker": 3,
        "line": None,
    }


def test_what_is_missing_is_a_dash_or_null() -> None:
    bare = entry(address=None, line=b"\x16\x03", status="400", size=0, head=b"")
    date = b"[14/Nov/2023:18:43:20 -0330]"
    assert Format("combined").line(bare) == b'- - - %b "\\x16\\x03" 400 - "-" "-"\n' % date
    found = json.loads(Format("json").line(bare))
    assert (found.pop("line"), found.pop("status"), found.pop("bytes")) == ("\x16\x03", 400, 0)
    assert [key for key, value in found.items() if value is not None] == [
        *("time", "duration", "worker"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%(m)s %(U)s %(q)s %(H)s", "GET /cart id=7 HTTP/1.1"),
        ("%(s)s %(B)s %(T)s %(M)s %(D)s %(L)s", "200 13 0 12 12346 0.012346"),
        ("100 %% of %(w)s: ü", "100 % of 5: ü"),
        ("%({HOST}i)s %({x-name}o)s %({X-Other}i)s %({x-other}o)s", "a Value - -"),
    ],
)
def test_a_format_of_ones_own(text: str, line: str) -> None:
    assert Format(text, worker=5).line(entry(request())).decode() == line + "\n"


def test_the_process_is_an_atom_as_gunicorn_writes_it() -> None:
    assert re.fullmatch(rb"<\d+>\n", Format("%(p)s").line(entry()))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("combine", "must be one of common, combined, json, or have %(atoms)s, not 'combine'"),
        ("%(x)s", "%(x)s is not known; there are h, l, u, t, "),
        ("%(h)s %d", "'%d' is no %(atom)s"),
        ("%(h)s %(s", "'%(s' is no %(atom)s"),
        ("%({a b}i)s", "%({a b}i)s is not known"),
        ("%({PATH}e)s", "%({PATH}e)s is not known"),
        ("%(h)s\n%(s)s", "must be one line of printable characters"),
        ("%(h)s" + "x" * 1024, "is too long"),
        ("%(h)s" * 33, "is too long"),
    ],
)
def test_a_format_that_cannot_be_read_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Format(text)
    assert str(caught.value).startswith("access-log-format")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("credentials", "user"),
    [
        (b"Basic !!!", "-"),
        (b"Basic YQ", "-"),  # cut short
        (b"Bearer YTpi", "-"),
        (b"basic YTpi", "a"),
        (b"Basic OmI=", "-"),
        (b"Basic " + base64.b64encode(b'a b" [x]:'), r"a\x20b\x22\x20[x]"),
    ],
)
def test_the_user_is_one_word(credentials: bytes, user: str) -> None:
    asked = request(b"/", b"Authorization: " + credentials)
    assert Format("%(u)s").line(entry(asked)) == user.encode() + b"\n"


def test_nothing_that_a_client_sends_forges_a_line() -> None:
    """The example: quotes, a backslash, what a terminal would obey, and bytes beyond ASCII."""
    evil = b'a" 200 5\t\\x\xc3\xa4"'
    asked = request(b"/a\\b", b"User-Agent: " + evil, b"Referer: " + evil)
    line = Format("combined").line(entry(asked))
    escaped = rb"a\x22 200 5\x09\x5Cx\xC3\xA4\x22"
    assert line.endswith(rb'"GET /a\x5Cb HTTP/1.1" 200 13 "%b" "%b"' % (escaped, escaped) + b"\n")
    assert json.loads(Format("json").line(entry(asked)))["referer"] == evil.decode()


anything = st.none() | st.binary(max_size=300)


def _request(method: str, target: bytes, *fields: tuple[bytes, bytes]) -> Request:
    block = Block(fields, framing=USUAL, kept=False)
    return Request(method, target, target, "1.1", fields, block, USUAL)


@given(line=anything, address=st.none() | st.text(max_size=50), field=st.binary(), user=anything)
def test_any_bytes_stand_in_their_field_alone(
    line: bytes | None, address: str | None, field: bytes, user: bytes | None
) -> None:
    asked = None
    if line is None:
        line = b""
        fields = [(b"referer", field), (b"user-agent", field)]
        if user is not None:
            fields.append((b"authorization", b"Basic " + base64.b64encode(user)))
        asked = _request("GET", field, *fields)
    made = entry(asked, line=line, address=address and address.encode().decode("latin-1"))
    text = Format("combined").line(made)
    assert text.isascii()
    assert _COMBINED.fullmatch(text), text
    found = json.loads(Format("json").line(made))
    assert found["status"] == 200
    assert (found["line"] is None) == (asked is not None)


@pytest.mark.parametrize("text", ["common", "combined", "json", " ".join(["%({x}i)s"] * 32)])
@pytest.mark.parametrize("fill", [b"a", b'"', b"\xff"])
def test_no_client_makes_a_line_too_long_to_be_written_at_once(text: str, fill: bytes) -> None:
    long = fill * 30000
    fields = ((b"referer", long), (b"user-agent", long), (b"x", long))
    asked = _request(fill.decode("latin-1").replace("ÿ", "x") * 8000, long, *fields)
    for made in (entry(asked), entry(line=long)):
        line = Format(text).line(made)
        assert len(line) <= LINE_MOST
        assert line.endswith(b"\n")
        if text == "json":
            json.loads(line)


def test_what_is_cut_keeps_as_much_as_fits() -> None:
    asked = request(b"/" + b"p" * 8000, b"User-Agent: " + b"u" * 5000)
    match = _COMBINED.fullmatch(Format("combined").line(entry(asked)))
    assert match is not None
    assert match["r"] == b"GET /" + b"p" * 1019
    assert match["a"] == b"u" * 1024


def test_the_clock_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Format("%(t)s")
    before = lines.line(entry())
    monkeypatch.setattr(time, "time", lambda: 1_700_000_001.0)
    assert (before, lines.line(entry())) == (
        b"[14/Nov/2023:18:43:20 -0330]\n",
        b"[14/Nov/2023:18:43:21 -0330]\n",
    )
