"""What the applications of the peers' study compute: the same for every server and interface.

Each module `work_INTERFACE` has a handler of each name below, which calls these and does nothing
else, so that what differs between two servers is the server.
"""

import json
from urllib.parse import parse_qsl

HELLO = b"Hello, world!"

#: The body of `stream`: chunks of 64 KiB, 1 MiB in all. ASCII, since pyronova streams text only.
CHUNKS = (b"0123456789abcdef" * 4096,) * 16

# Five items make about 1 KB of JSON.
ITEMS = tuple(
    {
        "id": number,
        "name": f"Article number {number}",
        "category": "hardware",
        "price": 112 + number,
        "quantity": number + 7,
        "active": number % 2 == 0,
        "tags": ["new", "sale", "fast"],
        "rating": {"score": 40 + number, "count": 120 + number},
    }
    for number in range(1, 6)
)

# As compact as other languages write it, so that all send about the same number of bytes.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def total(query: str, body: bytes) -> bytes:
    """`baseline`: the sum of the numbers in the query and of the one that the body may be."""
    found = sum(int(value) for _, value in parse_qsl(query))
    return str(found + int(body) if body else found).encode()


def catalogue(multiplier: int) -> dict[str, object]:
    """`articles`: the items, each with its total computed for this request."""
    items = [
        {**item, "total": item["price"] * item["quantity"] * multiplier}  # type: ignore[operator]
        for item in ITEMS
    ]
    return {"items": items, "count": len(items)}


def articles(query: str) -> bytes:
    """`articles` as JSON; the query is "m=NUMBER"."""
    return _encode(catalogue(int(query.removeprefix("m=")))).encode()
