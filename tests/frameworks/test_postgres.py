"""A real PostgreSQL behind the pools of asyncpg and psycopg, in isolates."""

import collections
import concurrent.futures
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from contract.serving import PATIENCE, Server, until

from frameworks.apps.items import TABLE
from frameworks.postgres import Postgres, find_or_install, running

psycopg = pytest.importorskip("psycopg", reason="no psycopg here: it has no wheel for 3.13t")
PROGRAMS = find_or_install()

APPS = ["frameworks.apps.asyncpg_app:app", "frameworks.apps.psycopg_app:app"]
ISOLATES = "FROM pg_stat_activity WHERE application_name LIKE 'isolate %'"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A database with a thousand items."""
    with running(PROGRAMS) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute(TABLE)
        yield server


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Any]:
    """The test's own connection."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("app", APPS)
def test_each_isolate_has_its_pool_and_a_drain_leaves_none(
    app: str, postgres: Postgres, database: Any
) -> None:
    env = {"DATABASE": postgres.url}
    with Server(app, "--mode", "interp", "--workers", "2", env=env) as server:
        users = ask_often(server)
        assert len(set().union(*users.values())) == 2, "one isolate has answered everything"
        assert all(len(isolates) == 1 for isolates in users.values()), users
        names = database.execute(f"SELECT pid, application_name {ISOLATES}").fetchall()
        # Nothing but the pools of the two, and they are whose they say.
        assert {name for _, name in names} == {f"isolate {each}" for [each] in users.values()}
        assert users.items() <= {pid: {name.split()[1]} for pid, name in names}.items()
        drain(server, database)
    assert "Traceback" not in server.log
    until(lambda: database.execute(f"SELECT 1 {ISOLATES}").fetchone() is None)


def ask_often(server: Server) -> dict[int, set[str]]:
    """Ask by many connections at once, check each answer; return each backend's isolates."""
    users = collections.defaultdict[int, set[str]](set)

    def ask(number: int) -> httpx.Response:
        bounds = {"min": number, "max": number + 5}
        return httpx.get(f"{server.url}/async-db", params=bounds, timeout=PATIENCE)

    with concurrent.futures.ThreadPoolExecutor(8) as executor:
        for number, response in enumerate(executor.map(ask, range(60))):
            ids = [n for n in range(1, 1001) if number <= n / 2 <= number + 5]
            assert response.json() == {"items": [item(n) for n in ids], "count": len(ids)}
            users[int(response.headers["x-backend"])].add(response.headers["x-isolate"])
    return users


def item(n: int) -> dict[str, Any]:
    """What the table has of this one."""
    return {
        "id": n,
        "name": f"item {n}",
        "category": f"category {n % 7}",
        "price": n / 2,
        "quantity": n,
        "active": n % 2 == 0,
        "tags": [f"tag {n % 3}", f"tag {n % 5}"],
        "rating": {"score": n % 50 / 10, "count": n},
    }


def drain(server: Server, database: Any) -> None:
    """Stop it while a request waits for the database, which then gets its answer."""
    database.execute("SELECT pg_advisory_lock(1)")
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(httpx.get, f"{server.url}/wait", timeout=PATIENCE)
        blocked = f"SELECT 1 {ISOLATES} AND wait_event = 'advisory'"
        until(lambda: database.execute(blocked).fetchone() is not None)
        server.send_signal()
        until(lambda: not accepts(server))
        assert not waiting.done()
        database.execute("SELECT pg_advisory_unlock(1)")
        assert waiting.result(PATIENCE).json() == "waited"
    assert server.wait() == 0


def accepts(server: Server) -> bool:
    """Whether it takes connections."""
    try:
        socket.create_connection(server.address, PATIENCE).close()
    except OSError:
        return False
    return True
