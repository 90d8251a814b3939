"""Hello, world in Starlette."""

# The types are checked where the framework is not installed, too.
# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator"

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from experiments.apps.state import PATH, state


async def hello(request: Request) -> Response:
    """Say hello."""
    return PlainTextResponse("Hello, world!")


async def worker_state(request: Request) -> Response:
    """Report the worker's state."""
    return Response(state(), media_type="application/json")


app = Starlette(routes=[Route("/", hello), Route(PATH, worker_state, methods=["POST"])])
