"""Percent-decoding (RFC 3986 section 2.1)."""

import re

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def unquote(raw: bytes) -> bytes:
    """`raw` with its escapes decoded; a "%" that begins none stays as it is.

    The same as urllib.parse.unquote_to_bytes, which brings 400 KB along into each isolate.
    """
    return _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode("ascii")), raw)
