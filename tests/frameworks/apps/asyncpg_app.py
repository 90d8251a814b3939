"""Starlette with a pool of asyncpg's connections in each isolate."""

# asyncpg brings no types.
# mypy: disable-error-code="import-untyped"

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

import asyncpg
from contract.apps.calling import interpreter_id
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
    settings = {"application_name": f"isolate {interpreter_id()}"}
    async with asyncpg.create_pool(
        os.environ["DATABASE"], min_size=2, max_size=4, server_settings=settings
    ) as pool:
        yield {"pool": pool}


async def items(request: Request) -> Response:
    """Some rows as JSON, and the connection that they came by."""
    bounds = [float(request.query_params[name]) for name in ("min", "max")]
    async with request.state.pool.acquire() as connection:
        rows = await connection.fetch(QUERY.format("$1", "$2"), *bounds)
        backend = connection.get_server_pid()
    return JSONResponse(answer(rows), headers=_by(backend))


async def wait(request: Request) -> Response:
    """An answer that the test holds back."""
    async with request.state.pool.acquire() as connection:
        await connection.execute(LOCK)
    return JSONResponse("waited")


def _by(backend: int) -> dict[str, str]:
    return {"x-backend": str(backend), "x-isolate": str(interpreter_id())}


app = Starlette(lifespan=lifespan, routes=[Route("/async-db", items), Route("/wait", wait)])
