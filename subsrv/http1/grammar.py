"""The grammar of RFC 9110 and 9112 as compiled patterns.

Every repetition is possessive or over disjoint classes, so each pattern runs in linear time.
Where a pattern is wider or narrower than the RFC, the comment says why.
"""

import re

type Field = tuple[bytes, bytes]
"""A header field: its name in lower case, its value without surrounding whitespace."""

# RFC 9110 section 5.6.2.
_TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
token = re.compile(_TCHAR + rb"++")

# What stands in a request target: RFC 3986's characters, and beside them [ ] { } | \ ^ `, which
# browsers send as they are in paths and queries (WHATWG URL's percent-encode sets leave them).
# Never a control, a space, a quote, < > # or a byte above 0x7e.
_TARGET = rb"[!$-;=?-~]"
# The version is matched wide, so that a wrong one earns 505 and not 400.
request_line = re.compile(
    rb"(" + _TCHAR + rb"++) (" + _TARGET + rb"++) HTTP/([0-9]\.[0-9])",
)
# Nearly all that come, with their CR LF: HTTP/1.1 and a target in origin-form, cut at its query.
usual_request_line = re.compile(
    rb"(" + _TCHAR + rb"++) (/[!$-;=@-~]*+)(?:\?(" + _TARGET + rb"*+))?+ HTTP/1\.1\r\n"
)

# RFC 9110 section 5.5: visible characters, SP, HTAB and obs-text; no other control, and so no
# bare CR, bare LF or NUL. No whitespace before the colon (RFC 9112 section 5.1); a line that
# begins with whitespace (obs-fold, section 5.2) has no name and does not match either.
_VCHAR = rb"[\t\x20-\x7e\x80-\xff]"
field_line = re.compile(rb"(" + _TCHAR + rb"++):(" + _VCHAR + rb"*+)")
field_value = re.compile(_VCHAR + rb"*+")
# The same as a table for bytes.translate, which leaves a value as it is or changes what is wrong
# in it: for a long one half the work of the pattern.
FIELD_VALUE = bytes(byte if re.match(_VCHAR, bytes([byte])) else byte ^ 1 for byte in range(256))

# RFC 3986 section 3.2.2: IPv6address, whose repetitions are bounded, and so is its work. Neither a
# zone (RFC 6874), which means nothing outside its host, nor IPvFuture, which nobody has ever used.
_H16 = rb"[0-9A-Fa-f]{1,4}"
_DEC_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LS32 = rb"(?:" + _H16 + rb":" + _H16 + rb"|" + rb"\.".join([_DEC_OCTET] * 4) + rb")"
_IPV6 = rb"(?:(?:%b:){6}%b" % (_H16, _LS32)
for _before, _after in enumerate([5, 4, 3, 2, 1, 0]):
    _IPV6 += rb"|%b::(?:%b:){%d}%b" % (
        rb"(?:(?:%b:){0,%d}%b)?" % (_H16, _before - 1, _H16) if _before else b"",
        _H16,
        _after,
        _LS32,
    )
_IPV6 += rb"|(?:(?:%b:){0,5}%b)?::%b|(?:(?:%b:){0,6}%b)?::)" % ((_H16,) * 5)
# Empty, as RFC 3986 section 3.2.3 lets it be, or such as there can be.
_PORT = rb"(?:[0-5]?[0-9]{0,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

# RFC 3986 section 3.2: uri-host [ ":" port ]. A registered name is kept to the characters that
# it and its percent-encoding use.
_NAME = rb"(?:[0-9A-Za-z\-._~!$&'()*+,;=]++|%[0-9A-Fa-f]{2})++"
host = re.compile(rb"(" + _NAME + rb"|\[" + _IPV6 + rb"\])(?::(" + _PORT + rb"))?")

# absolute-form (RFC 9112 section 3.2.2), the schemes that an HTTP server answers for.
absolute_target = re.compile(rb"(?i:https?)://([^/?]++)(/[^?]*+)?(?:\?(.*+))?")

# Eighteen digits stay below 2**63 (RFC 9110 section 8.6 asks to guard against overflow).
content_length = re.compile(rb"[0-9]{1,18}")

# RFC 9112 section 7.1: chunk-size and extensions, whose values are tokens or quoted strings. A
# quoted string here holds no CR or LF, quoted or not, or a line could end inside it.
_QUOTED = rb'"(?:[\t\x20!#-\[\]-~\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_EXTENSION = (
    rb"[ \t]*+;[ \t]*+"
    + _TCHAR
    + rb"++(?:[ \t]*+=[ \t]*+(?:"
    + _TCHAR
    + rb"++|"
    + _QUOTED
    + rb"))?+"
)
chunk_line = re.compile(rb"([0-9A-Fa-f]{1,15}+)((?:" + _EXTENSION + rb")*+)")
# Nearly all that come: no extensions, with their CR LF.
bare_chunk_line = re.compile(rb"([0-9A-Fa-f]{1,15}+)\r\n")


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma-separated list, lower-cased; empty ones left out (RFC 9110 5.6.1)."""
    members = (member.strip(b" \t") for member in value.lower().split(b","))
    return [member for member in members if member]
