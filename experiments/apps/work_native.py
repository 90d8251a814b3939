"""The work as native handlers of subsrv, which answer with whole bodies: there is no `stream`."""

from experiments.apps import work
from subsrv import Request, Response

_JSON = {"content-type": "application/json"}
_BINARY = {"content-type": "application/octet-stream"}


def hello(request: Request) -> bytes:
    """Say hello, whatever is asked."""
    return work.HELLO


def baseline(request: Request) -> bytes:
    """Add up the query and the body."""
    return work.total(request.query, request.body)


def articles(request: Request) -> Response:
    """Compute and encode a list of articles."""
    return Response(work.articles(request.query), headers=_JSON)


def echo(request: Request) -> Response:
    """Give the body back."""
    return Response(request.body, headers=_BINARY)


def upload(request: Request) -> bytes:
    """Count the bytes of the body."""
    return b"%d" % len(request.body)
