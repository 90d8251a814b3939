"""ASGI's connection scope (HTTP & WebSocket 2.5): what an application is told of a request."""

from typing import Any

from subsrv.apps.quoting import unquote
from subsrv.exchange import Transport
from subsrv.http1 import Request

type Scope = dict[str, Any]

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


class Scopes:
    """Makes the scopes of requests, as the settings have it: what is not asked for costs nothing.

    `scheme` is what clients of this worker speak, http or https; `forwarded`, whether trusted
    proxies say something else; `root_path`, where the application is mounted, "" or "/shop".
    """

    def __init__(self, *, scheme: str, forwarded: bool, root_path: str) -> None:
        self._base = {**_BASE, "scheme": scheme, "root_path": root_path}
        self._root = root_path
        # Bound once, and not for each request.
        self._template = self._rooted if root_path else self._plain
        #: The scope of a request: the application's own, all but what stands in the state.
        self.http = self._deployed if forwarded or scheme == "https" else self._scope

    def _scope(self, request: Request, transport: Transport, state: dict[str, Any] | None) -> Scope:
        derived = request.derived
        if derived is not None:
            scope = derived.copy()
        else:
            scope = self._template(request, transport)
            if request.seen:
                request.derived = scope.copy()
            request.seen = True
        # Whatever an application may change is its own; displays cost less than copies.
        scope["asgi"] = {"version": "3.0", "spec_version": "2.5"}
        scope["headers"] = [*request.headers]
        scope["extensions"] = _EXTENSIONS.copy()
        if state is not None:
            scope["state"] = state.copy()
        return scope

    def _deployed(
        self, request: Request, transport: Transport, state: dict[str, Any] | None
    ) -> Scope:
        """The same with what TLS has agreed on, and the scheme that a trusted proxy has told."""
        scope = self._scope(request, transport, state)
        if transport.tls is not None:
            scope["extensions"]["tls"] = transport.tls.extension.copy()
        scope["scheme"] = getattr(transport, "scheme", self._base["scheme"])
        return scope

    def _plain(self, request: Request, transport: Transport) -> Scope:
        """What follows from the head, and from the connection that it came by."""
        scope = self._base.copy()
        path = request.raw_path
        scope["http_version"] = request.version
        scope["method"] = request.method
        scope["path"] = (unquote(path) if b"%" in path else path).decode("utf-8", "replace")
        scope["raw_path"] = path
        scope["query_string"] = request.query
        scope["client"] = transport.client
        scope["server"] = transport.server
        return scope

    def _rooted(self, request: Request, transport: Transport) -> Scope:
        """The same below a root path: in ASGI it is a part of the path, if a proxy took it away."""
        scope = self._plain(request, transport)
        root, path = self._root, scope["path"]
        if path != "*" and path != root and not path.startswith(root + "/"):
            scope["path"] = root + path
            scope["raw_path"] = root.encode("ascii") + request.raw_path
        return scope


def websocket_scope(scope: Scope, subprotocols: tuple[str, ...]) -> Scope:
    """The scope of a request for a WebSocket, made of what it is as one of HTTP."""
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = list(subprotocols)
    extensions = scope["extensions"]
    kept = {name: extensions[name] for name in extensions if not name.startswith("http.")}
    scope["extensions"] = {"websocket.http.response": {}, **kept}
    return scope
