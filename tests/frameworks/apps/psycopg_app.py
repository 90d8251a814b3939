"""Starlette with a pool of psycopg's connections in each isolate."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from contract.apps.calling import interpreter_id
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from frameworks.apps.items import LOCK, QUERY, answer


class State(TypedDict):
    """What lifespan leaves for requests."""

    pool: Any


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[State]:
    """A pool."""
    settings = {"application_name": f"isolate {interpreter_id()}", "row_factory": dict_row}
    async with AsyncConnectionPool(
        os.environ["DATABASE"], min_size=2, max_size=4, kwargs=settings
    ) as pool:
        yield {"pool": pool}


async def items(request: Request) -> Response:
    """Some rows as JSON, and the connection that they came by."""
    bounds = [float(request.query_params[name]) for name in ("min", "max")]
    async with request.state.pool.connection() as connection:
        cursor = await connection.execute(QUERY.format("%s", "%s"), bounds)
        rows = await cursor.fetchall()
        backend = connection.info.backend_pid
    return JSONResponse(answer(rows), headers=_by(backend))


async def wait(request: Request) -> Response:
    """An answer that the test holds back."""
    async with request.state.pool.connection() as connection:
        await connection.execute(LOCK)
    return JSONResponse("waited")


def _by(backend: int) -> dict[str, str]:
    return {"x-backend": str(backend), "x-isolate": str(interpreter_id())}


app = Starlette(lifespan=lifespan, routes=[Route("/async-db", items), Route("/wait", wait)])
