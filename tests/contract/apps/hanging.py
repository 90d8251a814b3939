"""Applications that hang at /spin, in each interface; else, the kits, or hello."""

import logging
import time
from collections.abc import Iterable
from typing import Any, NoReturn

from contract.apps.kit_asgi import Receive, Scope, Send
from contract.apps.kit_asgi import app as kit_asgi
from contract.apps.kit_wsgi import Environ, StartResponse
from contract.apps.kit_wsgi import app as kit_wsgi


def spin() -> NoReturn:
    """Never return, and let no ordinary exception end it."""
    while True:
        try:
            while True:
                pass
        except Exception:
            continue


class Slow(logging.Filter):
    """Takes as long over the end of a hang as a machine that is very busy."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            # Not in one call, at whose end alone an exception could come.
            for _ in range(130):
                time.sleep(0.01)
        return True


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application, with a log that is slow."""
    logger = logging.getLogger("subsrv")
    if not logger.filters:
        logger.addFilter(Slow())
    await asgi(scope, receive, send)


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application."""
    if scope.get("path") == "/spin":
        spin()
    await kit_asgi(scope, receive, send)


def wsgi(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application."""
    if environ["PATH_INFO"] == "/spin":
        spin()
    return kit_wsgi(environ, start_response)


def native(request: Any) -> bytes:
    """The native handler."""
    if request.path == "/spin":
        spin()
    return b"hello"
