"""A response's fields to lines, and what each means to its framing."""

from collections.abc import Iterable

from subsrv.http1 import grammar

type Text = bytes | str
type Headers = Iterable[tuple[Text, Text]]
"""Names and values as bytes, or as str to be sent as Latin-1 (PEP 3333).

Where types are not checked, any iterables will do for the pairs (ASGI), and bytearray and
memoryview for bytes.
"""


class ResponseError(Exception):
    """The application's response cannot be sent as HTTP; nothing of it has been."""


def field_line(name: bytes, value: bytes) -> bytes:
    """One field's line. ResponseError if name or value would not be read as they are."""
    if grammar.token.fullmatch(name) is None:
        raise ResponseError(f"the header name {name!r} is not a token")
    if grammar.field_value.fullmatch(value) is None:
        raise ResponseError(f"the value of the header {name!r} has a forbidden byte: {value!r}")
    return b"%b: %b\r\n" % (name, value)


# What a field means to the framing of the response, as a number: the sum over all fields tells
# in one comparison what nearly every response has: no special field, or one Content-Length.
_ORDINARY = 0
LENGTH = 1  # and the length itself from bit 32 on
_SPECIAL = 1 << 16
LOW = (1 << 32) - 1
SPECIAL_NAMES: frozenset[bytes] = frozenset(
    (b"connection", b"transfer-encoding", b"date", b"server", b"keep-alive", b"upgrade")
)

_CACHED_LINE = 512
_CACHED_NAME = 64
_NAMES = 256  # many more than an application uses, but for one that invents them

# What a memo may keep of an application's: types that cannot change, nor equal what they are not.
_PLAIN_TEXT = (bytes, str)


class FieldLines(dict[tuple[Text, Text], bytes]):
    """A bounded memo from a field to its line. `kinds` has the same keys. Full, it starts anew.

    TypeError for what is no tuple of bytes and str; ResponseError.
    """

    def __init__(self, size: int, special: frozenset[bytes]) -> None:
        super().__init__()
        self._size = size
        self._names = _Names(special)
        self.kinds = _FieldKinds(self._names)
        #: How many fields it did not know, but for lengths of bodies.
        self.unknown = 0

    def __missing__(self, field: tuple[Text, Text]) -> bytes:
        if not is_plain(field):
            raise TypeError(f"{field!r} is not made plain")
        name, text = field
        begin, kind = self._names[name]
        value = text if isinstance(text, bytes) else _latin1(text)
        if value.translate(grammar.FIELD_VALUE) != value:
            field_line(_latin1(name), value)  # raises
        line = b"%b%b\r\n" % (begin, value)
        if kind != LENGTH:
            self.unknown += 1
        if self._size and len(line) <= _CACHED_LINE:
            if len(self) >= self._size:
                self.clear()
                self.kinds.clear()
            self[field] = line
            self.kinds[field] = self.kinds[field] if kind == LENGTH else kind
        return line

    def ordinary(self, fields: Iterable[tuple[Text, Text]]) -> bool:
        """Whether, of fields that it has accepted, none is special but one Content-Length."""
        return sum(map(self.kinds.__getitem__, fields)) & LOW <= LENGTH


class _Names(dict[Text, tuple[bytes, int]]):
    """A bounded memo from a field's name to how its line begins, and its kind without a value."""

    def __init__(self, special: frozenset[bytes]) -> None:
        super().__init__()
        self._special = special

    def __missing__(self, name: Text) -> tuple[bytes, int]:
        raw = _latin1(name)
        begin = field_line(raw, b"")[:-2]
        lower, kind = raw.lower(), _ORDINARY
        if lower == b"content-length":
            kind = LENGTH
        elif lower in self._special:
            kind = _SPECIAL
        if len(raw) <= _CACHED_NAME:
            if len(self) >= _NAMES:
                self.clear()
            self[name] = begin, kind
        return begin, kind


class _FieldKinds(dict[tuple[Text, Text], int]):
    """A field's kind. Asked only after `FieldLines` has accepted the field."""

    def __init__(self, names: _Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, field: tuple[Text, Text]) -> int:
        name, value = field
        _, kind = self._names[name]
        if kind == LENGTH:
            value = _latin1(value)
            if grammar.content_length.fullmatch(value) is None:
                raise ResponseError(f"the Content-Length {value!r} is not a number")
            kind |= int(value) << 32
        return kind


def is_plain(field: object) -> bool:
    """Whether a field is such that a memo may keep it."""
    if type(field) is not tuple or len(field) != 2:
        return False
    return type(field[0]) in _PLAIN_TEXT and type(field[1]) in _PLAIN_TEXT


def plain(field: object) -> tuple[bytes, bytes]:
    """A field as a tuple of bytes, whatever the application made it of. ResponseError."""
    try:
        name, value = field  # type: ignore[misc]  # which is why it is tried
    except (TypeError, ValueError):
        raise ResponseError(f"{field!r} is no pair of a header's name and value") from None
    return _latin1(name), _latin1(value)  # type: ignore[has-type]


def _latin1(text: object) -> bytes:
    if isinstance(text, str):
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            raise ResponseError(f"{text!r} is not Latin-1") from None
    if isinstance(text, (bytes, bytearray, memoryview)):
        return bytes(text)
    raise ResponseError(f"{text!r} in a header is neither bytes nor str")
