"""A query and its answer as JSON, which the applications for PostgreSQL share."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

#: As in the async-db test of HttpArena.
QUERY = """
    SELECT id, name, category, price, quantity, active, tags, rating_score, rating_count
    FROM items WHERE price BETWEEN {} AND {} ORDER BY id LIMIT 50
"""

TABLE = """
    CREATE TABLE items (
        id integer PRIMARY KEY, name text, category text, price double precision,
        quantity integer, active boolean, tags jsonb, rating_score double precision,
        rating_count integer
    );
    INSERT INTO items
    SELECT n, 'item ' || n, 'category ' || n % 7, n / 2.0, n, n % 2 = 0,
        jsonb_build_array('tag ' || n % 3, 'tag ' || n % 5), n % 50 / 10.0, n
    FROM generate_series(1, 1000) AS n
"""

#: Waits until the test lets go.
LOCK = "SELECT pg_advisory_xact_lock(1)"


def answer(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows as the answer has them."""
    items = [_item(dict(row)) for row in rows]
    return {"items": items, "count": len(items)}


def _item(row: dict[str, Any]) -> dict[str, Any]:
    rating = {"score": row.pop("rating_score"), "count": row.pop("rating_count")}
    tags = row.pop("tags")  # one driver reads JSON, the other leaves it
    return {**row, "tags": json.loads(tags) if isinstance(tags, str) else tags, "rating": rating}
