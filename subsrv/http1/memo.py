"""What one worker remembers of request heads, so that what comes again is not parsed again.

Optimisations only: with a size of 0 everything is parsed anew, with the same outcome. Not shared
between workers: on a build without the GIL a shared memo is a contended one.
"""

from typing import Any

from subsrv.http1 import grammar
from subsrv.http1.errors import ProtocolError
from subsrv.http1.framing import USUAL, Framing
from subsrv.http1.grammar import Field

# Fields that framing, routing or the connection's life depend on; a head with one of these, or
# whose first field is not a valid Host, is judged by framing.py.
_SPECIAL = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"),
)

# Lines longer than this are parsed anew each time: with the number of entries, it bounds the
# bytes that a memo can hold. So are cookies, which hardly ever come twice.
_KEPT_LINE = 512

# The same for blocks. Browsers send 500 to 1,000 bytes beside their cookies.
_KEPT_BLOCK = 2048

# Blocks are looked for as long as so many lookups in a row have not been in vain; after that, in
# one head of sixteen. Both figures are arbitrary.
PATIENCE = 64
_SAMPLE = 16


class Lines(dict[bytes, Field]):
    """A memo from a raw field line to its field; checks and parses the lines it does not know.

    Most lines repeat even where path and cookies change, so it is by line and not by head: heads
    never seen before cannot push out lines seen a thousand times. Full, it starts afresh, and
    only between two heads: `special` must not lose a line while its head is being judged.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        #: Raw lines of valid Host fields; of special fields, Host again among them.
        self.hosts: set[bytes] = set()
        self.special: set[bytes] = set()
        self._passing: list[bytes] = []  # special lines that are too long to keep
        #: `make_room` is to be called before the next head.
        self.full = False

    def make_room(self) -> None:
        """Forget what there is no room for. Never within a head."""
        self.hosts.difference_update(self._passing)
        self.special.difference_update(self._passing)
        self._passing.clear()
        if len(self) > self._size:
            self.clear()
            self.hosts.clear()
            self.special.clear()
        self.full = False

    def __missing__(self, line: bytes) -> Field:
        match = grammar.field_line.fullmatch(line)
        if match is None:
            raise ProtocolError(400, _what_is_wrong(line))
        name, value = match.groups()
        name = name.lower()
        # Optional whitespace is SP and HTAB only (RFC 9110 section 5.6.3).
        value = value.strip(b" \t")
        field = name, value
        if name == b"cookie":
            return field
        if name in _SPECIAL and not (name == b"connection" and value.lower() == b"keep-alive"):
            self.special.add(line)
            if name == b"host" and grammar.host.fullmatch(value):
                self.hosts.add(line)
            if len(line) > _KEPT_LINE:
                self._passing.append(line)
                self.full = True
        if len(line) <= _KEPT_LINE:
            self[line] = field
            if len(self) > self._size:
                self.full = True
        return field


def _what_is_wrong(line: bytes) -> str:
    if line[:1] in (b" ", b"\t"):
        return "a header line begins with whitespace"
    name, colon, _ = line.partition(b":")
    if not colon:
        return "a header line has no colon"
    if grammar.token.fullmatch(name) is None:
        return "a header name is not a token"
    return "a header value has a forbidden byte"


class Block:
    """The first lines of a head, as many as stand before its cookies: what they say together."""

    __slots__ = ("derived", "fields", "framing", "kept")

    def __init__(self, fields: tuple[Field, ...], *, framing: Framing | None, kept: bool) -> None:
        self.fields = fields
        #: What its special lines say, where those are all that the head has; None until somebody
        #: has asked framing.py. USUAL where it begins with Host, and nothing in it is special.
        self.framing = framing
        #: Others will be given this very object.
        self.kept = kept
        #: What an interface made of the fields, for its own use, if `kept`.
        self.derived: dict[str, Any] | None = None


class Blocks(dict[bytes, Block]):
    """A memo from a block to what it says.

    Clients repeat themselves but for the request line and what identifies a user: a browser's
    heads differ in path and cookies, those of a program often in the path alone. A block is kept
    once it has come twice, so that those which never come again do not push out the others; and
    where blocks do not repeat at all (a proxy before us adds a number to each request, say), they
    are hardly looked for.
    """

    def __init__(self, size: int, lines: Lines, most: int) -> None:
        super().__init__()
        # A block is many lines, so fewer of them fill as much memory.
        self._size = size // 4
        self._lines = lines
        self._most = most
        self._once: set[int] = set()  # hashes of blocks that have come once
        #: Lengths of known blocks beside which a head had no other line: where those of a head
        #: are as long together, they are looked for at once.
        self.wholes: set[int] = set()
        #: So many look-ups in a row may yet be in vain.
        self.patience = PATIENCE if self._size else 0
        self._sample = _SAMPLE if self._size else 0

    def learn(self, raw: bytes) -> Block:
        """The block whose lines these are, which is not known. ProtocolError."""
        known = self._lines
        lines = raw.split(b"\r\n") if raw else []
        if len(lines) > self._most:
            raise ProtocolError(431, "there are too many header lines")
        fields = tuple(map(known.__getitem__, lines))
        # Clients put Host first, as RFC 9110 section 7.2 asks: then two look-ups show that there
        # is one Host, and nothing else to care for.
        simple = bool(lines) and lines.pop(0) in known.hosts and known.special.isdisjoint(lines)
        kept = False
        if self.patience:
            self.patience -= 1
            kept = self._comes_again(raw)
        elif self._sample:
            self._sample -= 1
            if not self._sample:
                self._sample = _SAMPLE
                self.patience = 1
        block = Block(fields, framing=USUAL if simple else None, kept=kept)
        if kept:
            if len(self) >= self._size:
                self.clear()
                self.wholes.clear()
            self[raw] = block
        return block

    def _comes_again(self, raw: bytes) -> bool:
        key = hash(raw)
        if key in self._once:
            return len(raw) <= _KEPT_BLOCK
        if len(self._once) >= 4 * self._size:
            self._once.clear()
        self._once.add(key)
        return False
