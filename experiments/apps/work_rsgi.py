"""The work as RSGI applications, granian's own interface."""

from typing import Any

from experiments.apps import work

_TEXT = [("content-type", "text/plain")]
_JSON = [("content-type", "application/json")]
_BINARY = [("content-type", "application/octet-stream")]


async def hello(scope: Any, protocol: Any) -> None:
    """Say hello, whatever is asked."""
    protocol.response_bytes(200, _TEXT, work.HELLO)


async def baseline(scope: Any, protocol: Any) -> None:
    """Add up the query and the body."""
    body = await protocol() if scope.method == "POST" else b""
    protocol.response_bytes(200, _TEXT, work.total(scope.query_string, body))


async def articles(scope: Any, protocol: Any) -> None:
    """Compute and encode a list of articles."""
    protocol.response_bytes(200, _JSON, work.articles(scope.query_string))


async def echo(scope: Any, protocol: Any) -> None:
    """Give the body back."""
    protocol.response_bytes(200, _BINARY, await protocol())


async def upload(scope: Any, protocol: Any) -> None:
    """Count the bytes of the body as they come."""
    size = 0
    async for part in protocol:
        size += len(part)
    protocol.response_bytes(200, _TEXT, b"%d" % size)


async def stream(scope: Any, protocol: Any) -> None:
    """Send 1 MiB in parts, without saying before how much it will be."""
    transport = protocol.response_stream(200, _BINARY)
    for chunk in work.CHUNKS:
        await transport.send_bytes(chunk)
