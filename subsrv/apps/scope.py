"""ASGI's connection scope (HTTP & WebSocket 2.5): what an application is told of a request."""

from typing import Any

from subsrv.apps.quoting import unquote
from subsrv.exchange import Transport
from subsrv.http1 import Request

type Scope = dict[str, Any]

_VERSIONS = {"version": "3.0", "spec_version": "2.5"}
_EXTENSIONS: dict[str, Any] = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
    "http.response.trailers": {},
}

# Copied for each request: that is faster than to make it anew. None: the request's own.
_BASE: Scope = {
    "type": "http",
    "asgi": None,
    "http_version": None,
    "method": None,
    "scheme": "http",
    "path": None,
    "raw_path": None,
    "query_string": None,
    "root_path": "",
    "headers": None,
    "client": None,
    "server": None,
    "extensions": None,
}


def http_scope(request: Request, transport: Transport, state: dict[str, Any] | None) -> Scope:
    """The scope of a request: the application's own, all but what stands in the state."""
    scope = request.sighted(_template)
    # Whatever an application may change is its own.
    scope["asgi"] = _VERSIONS.copy()
    scope["headers"] = list(request.headers)
    scope["client"] = transport.client
    scope["server"] = transport.server
    scope["extensions"] = _EXTENSIONS.copy()
    if state is not None:
        scope["state"] = state.copy()
    return scope


def websocket_scope(
    request: Request,
    transport: Transport,
    state: dict[str, Any] | None,
    *,
    subprotocols: tuple[str, ...],
) -> Scope:
    """The scope of a request for a WebSocket."""
    scope = http_scope(request, transport, state)
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = list(subprotocols)
    extensions = scope["extensions"]
    kept = {name: extensions[name] for name in extensions if not name.startswith("http.")}
    scope["extensions"] = {"websocket.http.response": {}, **kept}
    return scope


def _template(request: Request) -> Scope:
    """What follows from the head alone."""
    scope = _BASE.copy()
    path = request.raw_path
    scope["http_version"] = request.version
    scope["method"] = request.method
    scope["path"] = (unquote(path) if b"%" in path else path).decode("utf-8", "replace")
    scope["raw_path"] = path
    scope["query_string"] = request.query
    return scope
