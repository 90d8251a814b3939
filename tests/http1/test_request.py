"""Request heads: what is read, and what is refused with which status.

Each case is read whole, byte by byte, split in two at each place, and with something behind it.
The section in an id is that of RFC 9112 unless it says 9110 or 3986.
"""

import pytest

from http1.reading import accepted, get, refusal

# The request line.


@pytest.mark.parametrize(
    ("line", "method", "raw_path", "query"),
    [
        pytest.param("GET / HTTP/1.1", "GET", b"/", b"", id="3.2.1 origin-form"),
        pytest.param("GET /a?b?c=/d HTTP/1.1", "GET", b"/a", b"b?c=/d", id="3.2.1 query"),
        pytest.param("GET /? HTTP/1.1", "GET", b"/", b"", id="3.2.1 empty query"),
        pytest.param("GET //a//b HTTP/1.1", "GET", b"//a//b", b"", id="3.2.1 empty segments"),
        pytest.param("GET /%00/%2e%2E HTTP/1.1", "GET", b"/%00/%2e%2E", b"", id="3.2.1 encoded"),
        pytest.param("GET /%zz HTTP/1.1", "GET", b"/%zz", b"", id="3986 2.1 left to the app"),
        pytest.param(
            "GET /[]{}|\\^`~;=@:!$&'()*+, HTTP/1.1",
            "GET",
            b"/[]{}|\\^`~;=@:!$&'()*+,",
            b"",
            id="3986 2.2 what browsers send",
        ),
        pytest.param("OPTIONS * HTTP/1.1", "OPTIONS", b"*", b"", id="3.2.4 asterisk-form"),
        pytest.param("GET http://a HTTP/1.1", "GET", b"/", b"", id="3.2.2 no path"),
        pytest.param("GET http://a/b?c HTTP/1.1", "GET", b"/b", b"c", id="3.2.2 absolute-form"),
        pytest.param("GET http://a?c HTTP/1.1", "GET", b"/", b"c", id="3.2.2 query, no path"),
        pytest.param("GET HTTPS://A/ HTTP/1.1", "GET", b"/", b"", id="3.2.2 case of the scheme"),
        pytest.param("get / HTTP/1.1", "get", b"/", b"", id="9110 9.1 case of the method"),
        pytest.param("M-S#~! / HTTP/1.1", "M-S#~!", b"/", b"", id="9110 9.1 any token"),
        pytest.param("PRI / HTTP/1.1", "PRI", b"/", b"", id="9110 9.1 unknown method"),
    ],
)
def test_request_line(line: str, method: str, raw_path: bytes, query: bytes) -> None:
    head = accepted(get(start=line)).head
    assert (head.method, head.raw_path, head.query) == (method, raw_path, query)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        pytest.param("GET  / HTTP/1.1", 400, id="3 two spaces"),
        pytest.param("GET / HTTP/1.1 ", 400, id="3 space at the end"),
        pytest.param("GET /\tHTTP/1.1", 400, id="3 tab between"),
        pytest.param("GET\t/ HTTP/1.1", 400, id="3 tab after the method"),
        pytest.param("GET /\x0bHTTP/1.1", 400, id="3 vertical tab between"),
        pytest.param("GET / a HTTP/1.1", 400, id="3 space in the target"),
        pytest.param(" GET / HTTP/1.1", 400, id="3 space before the method"),
        pytest.param("GET /", 400, id="3 HTTP/0.9"),
        pytest.param("GET", 400, id="3 a method alone"),
        pytest.param("/ HTTP/1.1", 400, id="3.1 no method"),
        pytest.param("G(T / HTTP/1.1", 400, id="3.1 method is no token"),
        pytest.param("G\xc9T / HTTP/1.1", 400, id="3.1 method is not ASCII"),
        pytest.param("GET /\x00 HTTP/1.1", 400, id="3.2 NUL"),
        pytest.param("GET /\x7f HTTP/1.1", 400, id="3.2 DEL"),
        pytest.param("GET /\r HTTP/1.1", 400, id="2.2 bare CR in the target"),
        pytest.param("GET /\n HTTP/1.1", 400, id="2.2 bare LF in the target"),
        pytest.param("GET / HTTP/1.1\r", 400, id="2.2 bare CR at the end"),
        pytest.param("GET /\xe9 HTTP/1.1", 400, id="3986 2 not ASCII"),
        pytest.param('GET /" HTTP/1.1', 400, id="3986 2 quotation mark"),
        pytest.param("GET /<a> HTTP/1.1", 400, id="3986 2 angle brackets"),
        pytest.param("GET /#a HTTP/1.1", 400, id="3986 3.5 fragment"),
        pytest.param("GET a HTTP/1.1", 400, id="3.2.1 no slash"),
        pytest.param("GET ?a HTTP/1.1", 400, id="3.2.1 no path"),
        pytest.param("GET * HTTP/1.1", 400, id="3.2.4 asterisk-form of GET"),
        pytest.param("OPTIONS ** HTTP/1.1", 400, id="3.2.4 more than an asterisk"),
        pytest.param("OPTIONS *?a HTTP/1.1", 400, id="3.2.4 asterisk and query"),
        pytest.param("GET a:80 HTTP/1.1", 400, id="3.2.3 authority-form of GET"),
        pytest.param("CONNECT a:80 HTTP/1.1", 501, id="3.2.3 CONNECT"),
        pytest.param("CONNECT /a HTTP/1.1", 501, id="3.2.3 CONNECT in origin-form"),
        pytest.param("CONNECT http://a/ HTTP/1.1", 501, id="3.2.3 CONNECT in absolute-form"),
        pytest.param("GET ftp://a/ HTTP/1.1", 400, id="3.2.2 another scheme"),
        pytest.param("GET http:/// HTTP/1.1", 400, id="3.2.2 no authority"),
        pytest.param("GET http:a HTTP/1.1", 400, id="3.2.2 no slashes"),
        pytest.param("GET / HTTP/1.2", 505, id="9110 2.5 version 1.2"),
        pytest.param("GET / HTTP/2.0", 505, id="9110 2.5 version 2.0"),
        pytest.param("GET / HTTP/0.9", 505, id="9110 2.5 version 0.9"),
        pytest.param("PRI * HTTP/2.0", 505, id="9113 3.4 HTTP/2 preface"),
        pytest.param("GET / HTTP/2.0\r\nno colon", 505, id="9110 2.5 version before the rest"),
        pytest.param("GET / HTTP/1", 400, id="2.3 no minor version"),
        pytest.param("GET / HTTP/1.10", 400, id="2.3 two digits"),
        pytest.param("GET / HTTP/11.1", 400, id="2.3 two digits before"),
        pytest.param("GET / HTTP/1,1", 400, id="2.3 comma"),
        pytest.param("GET / http/1.1", 400, id="2.3 case of the name"),
        pytest.param("GET / HTTPS/1.1", 400, id="2.3 another name"),
        pytest.param("GET / HTTP/1.\xb9", 400, id="2.3 a digit of another script"),
        pytest.param("GET / ICE/1.0", 400, id="2.3 Icecast"),
    ],
)
def test_request_line_refused(line: str, status: int) -> None:
    assert refusal(get(start=line)) == status


# Field lines.


@pytest.mark.parametrize(
    ("line", "field"),
    [
        pytest.param("A:b", (b"a", b"b"), id="5 no whitespace"),
        pytest.param("A: b", (b"a", b"b"), id="5 one space"),
        pytest.param("A: \t b\t ", (b"a", b"b"), id="9110 5.6.3 SP and HTAB around"),
        pytest.param("A: b \t c", (b"a", b"b \t c"), id="9110 5.5 SP and HTAB within"),
        pytest.param("A:", (b"a", b""), id="9110 5.5 empty"),
        pytest.param("A: \t ", (b"a", b""), id="9110 5.5 nothing but whitespace"),
        pytest.param("A: :b:", (b"a", b":b:"), id="5 colons in the value"),
        pytest.param("A: \xa0b\x85", (b"a", b"\xa0b\x85"), id="9110 5.6.3 other spaces are kept"),
        pytest.param("A: \xff\x80", (b"a", b"\xff\x80"), id="9110 5.5 obs-text"),
        pytest.param("!#$%&'*+-.^_`|~09aZ: b", (b"!#$%&'*+-.^_`|~09az", b"b"), id="9110 5.6.2"),
    ],
)
def test_field_line(line: str, field: tuple[bytes, bytes]) -> None:
    assert accepted(get(line)).head.headers == ((b"host", b"a"), field)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("A : b", id="5.1 space before the colon"),
        pytest.param("A\t: b", id="5.1 tab before the colon"),
        pytest.param("A\xa0: b", id="5.1 no-break space before the colon"),
        pytest.param(": b", id="5 no name"),
        pytest.param("A", id="5 no colon"),
        pytest.param("A b: c", id="5 space in the name"),
        pytest.param("A(: b", id="9110 5.1 name is no token"),
        pytest.param("\xe9: b", id="9110 5.1 name is not ASCII"),
        pytest.param("A\x00: b", id="9110 5.1 NUL in the name"),
        pytest.param(":authority: b", id="9113 8.3 pseudo-header"),
        pytest.param(" A: b", id="5.2 begins with a space"),
        pytest.param("\tA: b", id="5.2 begins with a tab"),
        pytest.param("A: b\r\n c", id="5.2 obs-fold"),
        pytest.param("A: b\r\n\tc: d", id="5.2 obs-fold with a tab"),
        pytest.param("A: b\r\n ", id="5.2 obs-fold of nothing"),
        pytest.param("A: b\rC: d", id="2.2 bare CR"),
        pytest.param("A: b\r", id="2.2 CR before CR LF"),
        pytest.param("A: b\nC: d", id="2.2 bare LF"),
        pytest.param("A\n: b", id="2.2 bare LF in the name"),
        pytest.param("A: b\n", id="2.2 LF before CR LF"),
        pytest.param("A: b\x00c", id="9110 5.5 NUL"),
        pytest.param("A: \x01", id="9110 5.5 control"),
        pytest.param("A: \x7f", id="9110 5.5 DEL"),
        pytest.param("A: \x0bb", id="9110 5.6.3 vertical tab"),
        pytest.param("A: b\x0c", id="9110 5.6.3 form feed"),
    ],
)
def test_field_line_refused(line: str) -> None:
    assert refusal(get(line)) == 400
    assert refusal(get("Host: a", line, "Z: z")) == 400
    assert refusal(get(line, "Host: a", start="GET / HTTP/1.0")) == 400


def test_a_head_of_no_lines_is_one_of_http_1_0() -> None:
    assert accepted(b"GET / HTTP/1.0\r\n\r\n").head.headers == ()
    assert refusal(b"GET / HTTP/1.1\r\n\r\n") == 400


def test_repeated_fields_keep_their_order() -> None:
    fields = accepted(get("B: 1", "A: 2", "b: 3", "X-A: 4", "X_A: 5")).head.headers
    assert fields[1:] == ((b"b", b"1"), (b"a", b"2"), (b"b", b"3"), (b"x-a", b"4"), (b"x_a", b"5"))


# Host.

_VALID_HOSTS = [
    pytest.param("a", id="3986 3.2.2 name"),
    pytest.param("A.example:80", id="3986 3.2.3 port"),
    pytest.param("a:", id="3986 3.2.3 empty port"),
    pytest.param("127.0.0.1:65535", id="3986 3.2.2 IPv4"),
    pytest.param("[::1]", id="3986 3.2.2 IPv6"),
    pytest.param("[::ffff:1.2.3.4]:8080", id="3986 3.2.2 IPv6 and port"),
    pytest.param("a_b~c!$&'()*+,;=%41", id="3986 3.2.2 all that a name may have"),
]

_INVALID_HOSTS = [
    pytest.param("a b", id="3986 3.2.2 space"),
    pytest.param("a/b", id="3986 3.2 slash"),
    pytest.param("a?b", id="3986 3.2 question mark"),
    pytest.param("a\\b", id="3986 3.2 backslash"),
    pytest.param("u@a", id="9110 4.2.4 userinfo"),
    pytest.param("a:b", id="3986 3.2.3 port is no number"),
    pytest.param("a:-1", id="3986 3.2.3 negative port"),
    pytest.param("a:123456", id="3986 3.2.3 six digits"),
    pytest.param("a:80:80", id="3986 3.2.3 two ports"),
    pytest.param(":80", id="3986 3.2.2 a port alone"),
    pytest.param("::1", id="3986 3.2.2 IPv6 without brackets"),
    pytest.param("[::1", id="3986 3.2.2 open bracket"),
    pytest.param("[::1]a", id="3986 3.2.2 after the bracket"),
    pytest.param("[fe80::1%25eth0]", id="6874 2 zone"),
    pytest.param("[]", id="3986 3.2.2 nothing in brackets"),
    pytest.param("a%4", id="3986 2.1 half an escape"),
    pytest.param("\xe9", id="3986 3.2.2 not ASCII"),
    pytest.param('"a"', id="3986 3.2.2 quoted"),
    pytest.param("http://a", id="3986 3.2 a whole URI"),
]


@pytest.mark.parametrize("host", _VALID_HOSTS)
def test_host(host: str) -> None:
    for line in (f"Host: {host}", f"HOST:{host}\t"):
        assert accepted(get(line)).head.headers == ((b"host", host.encode("ascii")),)


@pytest.mark.parametrize("host", _INVALID_HOSTS)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_host_refused(host: str, version: str) -> None:
    assert refusal(get(f"Host: {host}", start=f"GET / HTTP/{version}")) == 400


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Host: a", "Host: a"], id="3.2 twice the same"),
        pytest.param(["Host: a", "Host: b"], id="3.2 two different"),
        pytest.param(["Host: a", "host:"], id="3.2 one empty"),
        pytest.param(["Host:", "Host:"], id="3.2 both empty"),
        pytest.param(["Host: a", "A: b", "hOST: a"], id="3.2 apart"),
        pytest.param(["Host: a"] * 70, id="3.2 many"),
    ],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_several_hosts_refused(lines: list[str], version: str) -> None:
    assert refusal(get(*lines, start=f"GET / HTTP/{version}")) == 400


def test_an_http_1_1_request_needs_a_host() -> None:
    assert refusal(b"GET / HTTP/1.1\r\nA: b\r\n\r\n") == 400
    assert refusal(b"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n") == 400
    assert accepted(b"GET / HTTP/1.0\r\nA: b\r\n\r\n").head.headers == ((b"a", b"b"),)


def test_host_need_not_be_the_first_field() -> None:
    assert accepted(get("A: b", "Host: a", "C: d")).head.headers[1] == (b"host", b"a")


def test_an_empty_host_stands_for_no_authority() -> None:
    # RFC 9112 section 3.3: the server's own name is meant then.
    assert accepted(get("Host:")).head.headers == ((b"host", b""),)
    assert refusal(get("Host:", start="GET http://a/ HTTP/1.1")) == 400


@pytest.mark.parametrize(
    ("target", "host", "same"),
    [
        pytest.param("http://a/", "a", True, id="equal"),
        pytest.param("http://A.b:80/", "a.B:80", True, id="case"),
        pytest.param("http://a/", "b", False, id="another"),
        pytest.param("http://a/", "a:80", False, id="the default port, given once"),
        pytest.param("http://a:80/", "a", False, id="the default port, the other way"),
        pytest.param("http://a:81/", "a:80", False, id="another port"),
        pytest.param("http://u@a/", "a", False, id="userinfo"),
        pytest.param("http://u@a/", "u@a", False, id="userinfo in both"),
        pytest.param("http://a b/", "a", False, id="not a URI"),
        pytest.param("http://a:x/", "a:x", False, id="not a host"),
    ],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_host_and_absolute_target(target: str, host: str, same: bool, version: str) -> None:
    """RFC 9112 section 3.2.2 lets the target win; here they must agree, to the letter."""
    data = get(f"Host: {host}", start=f"GET {target} HTTP/{version}")
    if same:
        assert accepted(data).head.raw_path == b"/"
    else:
        assert refusal(data) == 400


@pytest.mark.parametrize("target", ["http://a%zz/", "http://a@b/", "http://[::1/"])
def test_an_absolute_target_is_checked_without_a_host_too(target: str) -> None:
    assert refusal(f"GET {target} HTTP/1.0\r\n\r\n".encode()) == 400


# The connection's life.


@pytest.mark.parametrize(
    ("version", "lines", "keep_alive"),
    [
        pytest.param("1.1", [], True, id="9.3 1.1"),
        pytest.param("1.1", ["Connection: keep-alive"], True, id="9.3 1.1 keep-alive"),
        pytest.param("1.1", ["Connection: close"], False, id="9.6 close"),
        pytest.param("1.1", ["Connection: CLOSE"], False, id="9110 7.6.1 case"),
        pytest.param("1.1", ["Connection: keep-alive, close"], False, id="9.3 close wins"),
        pytest.param("1.1", ["Connection: close, keep-alive"], False, id="9.3 close wins first"),
        pytest.param("1.1", ["Connection: a,\tclose ,b"], False, id="9110 5.6.1 list"),
        pytest.param("1.1", ["Connection: , ,close,"], False, id="9110 5.6.1 empty members"),
        pytest.param("1.1", ["Connection: a", "A: b", "Connection: close"], False, id="5.3 lines"),
        pytest.param("1.1", ["Connection: keep-alive", "Connection: close"], False, id="5.3 both"),
        pytest.param("1.1", ["Connection: close", "Connection: a"], False, id="5.3 not the last"),
        pytest.param("1.1", ["Connection: closed"], True, id="7.6.1 another option"),
        pytest.param("1.1", ["Connection: upgrade", "Upgrade: h2c"], True, id="7.8 Upgrade"),
        pytest.param("1.1", ["Connection:"], True, id="9110 7.6.1 empty"),
        pytest.param("1.1", ["Proxy-Connection: close"], True, id="C.2.2 not a standard"),
        pytest.param("1.0", [], False, id="9.3 1.0"),
        pytest.param("1.0", ["Connection: Keep-Alive"], True, id="9.3 1.0 keep-alive"),
        pytest.param("1.0", ["Connection: a", "Connection: keep-alive"], True, id="9.3 1.0 lines"),
        pytest.param("1.0", ["Connection: keep-alive, close"], False, id="9.3 1.0 close wins"),
        pytest.param("1.0", ["Keep-Alive: 5"], False, id="C.2.2 Keep-Alive alone"),
    ],
)
def test_keep_alive(version: str, lines: list[str], keep_alive: bool) -> None:
    head = accepted(get(*lines, start=f"GET / HTTP/{version}")).head
    assert head.keep_alive is keep_alive
    assert head.plain is (keep_alive and version == "1.1")
    assert not accepted(get(*lines, start=f"HEAD / HTTP/{version}")).head.plain


# Expect.


@pytest.mark.parametrize(
    ("version", "lines", "expects"),
    [
        pytest.param("1.1", ["Expect: 100-continue", "Content-Length: 1"], True, id="a length"),
        pytest.param("1.1", ["Content-Length: 1", "Expect: 100-Continue"], True, id="case"),
        pytest.param("1.1", ["Expect: 100-continue", "Content-Length: 0"], False, id="length 0"),
        pytest.param("1.1", ["Expect: 100-continue"], False, id="no body"),
        pytest.param("1.1", ["Content-Length: 1"], False, id="none"),
        pytest.param("1.0", ["Expect: 100-continue", "Content-Length: 1"], False, id="1.0"),
        pytest.param("1.0", ["Expect: a"], False, id="1.0, unknown"),
    ],
)
def test_expect(version: str, lines: list[str], expects: bool) -> None:
    """RFC 9110 section 10.1.1."""
    head = get(*lines, start=f"POST / HTTP/{version}")
    has_body = "Content-Length: 1" in lines
    assert accepted(head + b"x" * has_body).head.expects_continue is expects


@pytest.mark.parametrize("value", ["", "a", "100-continue, a", "100-continue=1", "100"])
def test_an_unknown_expectation_is_refused(value: str) -> None:
    assert refusal(get(f"Expect: {value}")) == 417
    assert refusal(get("Expect: 100-continue", f"Expect: {value}")) == 417
