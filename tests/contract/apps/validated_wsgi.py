"""The WSGI kit behind wsgiref.validate, which raises where either side breaks PEP 3333."""

from collections.abc import Iterable
from typing import Any
from wsgiref.validate import validator

from contract.apps.kit_wsgi import Environ, StartResponse
from contract.apps.kit_wsgi import app as kit


def plain(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The kit; the validator lets nobody read a body without saying how much."""
    if environ["PATH_INFO"] != "/echo":
        return kit(environ, start_response)
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]


app: Any = validator(plain)
