"""An ASGI application with a path for each way in which one can break its promises."""

import contextlib
from typing import Any

from contract.apps.kit_asgi import Receive, Scope, Send, body, start
from contract.apps.kit_asgi import app as kit


class BoomError(Exception):
    """Raised on purpose."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail as the path says, or be the ordinary kit."""
    fault = FAULTS.get(scope.get("path", ""))
    await (fault or kit)(scope, receive, send)


async def _raise_before(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise BoomError("before the head")


async def _raise_started(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    raise BoomError("after start, before a byte")


async def _raise_after(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await body(send, b"some", more=True)
    raise BoomError("after the head")


async def _raise_complete(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await body(send, b"whole")
    raise BoomError("after the response")


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    pass


async def _only_start(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)


async def _unfinished(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await body(send, b"some", more=True)


async def _too_long(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send, 200, (b"content-length", b"3"))
    await body(send, b"four")


async def _too_long_later(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send, 200, (b"content-length", b"3"))
    await body(send, b"thr", more=True)
    await body(send, b"ee")


async def _too_short(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send, 200, (b"content-length", b"5"))
    await body(send, b"four")


async def _too_short_later(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send, 200, (b"content-length", b"5"))
    await body(send, b"fo", more=True)
    await body(send, b"ur")


def _header(name: Any, value: Any) -> Any:
    async def fault(_scope: Scope, _receive: Receive, send: Send) -> None:
        await start(send, 200, (name, value))
        await body(send, b"never sent")

    return fault


def _status(status: Any) -> Any:
    async def fault(_scope: Scope, _receive: Receive, send: Send) -> None:
        await start(send, status)
        await body(send, b"never sent")

    return fault


async def _body_type(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await send({"type": "http.response.body", "body": 7})


async def _body_first(_scope: Scope, _receive: Receive, send: Send) -> None:
    await body(send, b"no head")


async def _start_twice(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await start(send)


async def _unknown_message(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.surprise"})


async def _swallow(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send, 200, (b"x a", b"1"))
    with contextlib.suppress(Exception):
        await body(send, b"never sent")


async def _trailers_early(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "trailers": True})
    await send({"type": "http.response.trailers", "headers": []})


async def _trailers_unasked(_scope: Scope, _receive: Receive, send: Send) -> None:
    await start(send)
    await body(send, b"some", more=True)
    await send({"type": "http.response.trailers", "headers": []})


async def _trailers_missing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "trailers": True})
    await body(send, b"some")


async def _trailers_forbidden(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "trailers": True})
    await body(send, b"some")
    await send({"type": "http.response.trailers", "headers": [(b"content-length", b"4")]})


async def _trailers_then_body(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "trailers": True})
    await body(send, b"some")
    await body(send, b"more")


async def _hint_lf(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.early_hint", "links": [b"</a>\r\nx: y"]})


async def _exit(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise SystemExit("the application wants to leave")


FAULTS: dict[str, Any] = {
    "/raise-before": _raise_before,
    "/raise-started": _raise_started,
    "/raise-after": _raise_after,
    "/raise-complete": _raise_complete,
    "/nothing": _nothing,
    "/only-start": _only_start,
    "/unfinished": _unfinished,
    "/too-long": _too_long,
    "/too-long-later": _too_long_later,
    "/too-short": _too_short,
    "/too-short-later": _too_short_later,
    "/header-lf": _header(b"x-a", b"1\r\nx-b: 2"),
    "/header-nul": _header(b"x-a", b"\0"),
    "/header-cr": _header(b"x-a", b"1\rx-b: 2"),
    "/header-name": _header(b"x a", b"1"),
    "/header-name-crlf": _header(b"x: 1\r\nx-b", b"1"),
    "/header-type": _header(b"x-a", 7),
    "/status-100": _status(100),
    "/status-99": _status(99),
    "/status-text": _status("many"),
    "/status-crlf": _status("200 OK\r\nx: y"),
    "/body-type": _body_type,
    "/body-first": _body_first,
    "/start-twice": _start_twice,
    "/unknown-message": _unknown_message,
    "/swallow": _swallow,
    "/trailers-early": _trailers_early,
    "/trailers-unasked": _trailers_unasked,
    "/trailers-missing": _trailers_missing,
    "/trailers-forbidden": _trailers_forbidden,
    "/trailers-then-body": _trailers_then_body,
    "/hint-lf": _hint_lf,
    "/exit": _exit,
}
