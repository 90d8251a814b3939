"""Heads of whole responses that are known but for the length of the body."""

from typing import NamedTuple

from subsrv.http1.fields import Text

type _Fields = list[tuple[Text, Text]]

type Shape = tuple[bytes, bytes, bytes, bool]
"""What stands before the value of the Content-Length, that value, what stands behind it but for the
end of every head, and whether the application has said the length itself."""

# Bytes of the lines of a head that may be kept: with the number of heads, it bounds them all.
_KEPT = 2048


class _Place(NamedTuple):
    """Where in a list of fields the application has its Content-Length, and how it spells that."""

    at: int  # -1: it leaves that to us
    name: Text


class Shapes:
    """A bounded memo of response heads but for the length of the body and what ends every head.

    Most of what an application answers differs in nothing else from what it has answered before.
    Full, it starts anew. `size` is the number of heads; 0 remembers nothing.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # By status and all fields but the Content-Length: what comes before its value, and after.
        self._known: dict[tuple[object, ...], tuple[_Place, bytes, bytes]] = {}
        # By the number of fields: it is some framework's work, and hardly ever differs.
        self._places: dict[int, _Place] = {}

    def find(self, status: int | str, fields: _Fields, length: int) -> Shape | None:
        """The head of a response whose body has this length.

        None where it is not known, or has another length: that may be wrong.
        """
        place = self._places.get(len(fields))
        if place is None:
            return None
        at, name = place
        if at < 0:
            number = b"%d" % length
        else:
            text = str(length)
            number = text.encode()
            if fields[at] != (name, number if type(name) is bytes else text):
                return None
            fields = fields.copy()
            del fields[at]
        try:
            found = self._known.get((status, *fields))
        except TypeError:
            return None  # a field that is a list, which is no key
        if found is None or found[0] is not place:
            return None
        return found[1], number, found[2], at >= 0

    def learn(
        self, status: int | str, status_line: bytes, fields: _Fields, lines: list[bytes]
    ) -> None:
        """Remember a head of whose fields none is special, but for one Content-Length.

        All are tuples of bytes and str. `lines` are theirs.
        """
        if sum(map(len, lines)) > _KEPT or not self._size:
            return
        place = _place(fields)
        at = place.at
        if at < 0:
            before, after = [*lines, b"content-length: "], []
        else:
            fields = fields.copy()
            del fields[at]
            # The line up to its value, which is a number without leading zeros or spaces.
            name, _, _ = lines[at].partition(b" ")
            before, after = [*lines[:at], name, b" "], lines[at + 1 :]
        if self._places.get(len(lines)) != place:
            self._places[len(lines)] = place
        if len(self._known) >= self._size:
            self._known.clear()
        self._known[(status, *fields)] = (
            self._places[len(lines)],
            b"".join((status_line, *before)),
            b"".join((b"\r\n", *after)),
        )


def _place(fields: _Fields) -> _Place:
    for index, (name, _) in enumerate(fields):
        if name.lower() in (b"content-length", "content-length"):
            return _Place(index, name)
    return _Place(-1, b"")
