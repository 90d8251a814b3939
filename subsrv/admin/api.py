"""What the control address answers: paths to actions, without I/O.

GET  /status       the server and each worker, as JSON
GET  /metrics      the same for Prometheus, in its text format
GET  /healthz      200 while there is a worker that accepts, else 503
GET  /readyz       200 while the server is whole and not ending, else 503
POST /reload       load the application anew, in fresh workers
POST /scale?workers=N
POST /drain?worker=N  have a worker finish and be replaced
POST /stacks       what each worker's threads are doing, as text
"""

import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from subsrv.admin import metrics

type Status = dict[str, Any]
"""JSON: {"server": {...}, "workers": [{...}]}; see view.py for what stands in it."""

_TEXT = "text/plain; charset=utf-8"
_MOST_WORKERS = 1024
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


class Answer(NamedTuple):
    """A status code, a media type and a body."""

    status: int
    type: str
    body: bytes


class Steward(Protocol):
    """The server, as far as its control address reaches. What waits calls `done` later, once."""

    def status(self, done: Callable[[Status], None]) -> None:
        """Ask the workers for their counters."""

    def healthy(self) -> bool:
        """Whether there is a worker that accepts."""

    def ready(self) -> bool:
        """Whether there are all workers that there should be, and they are to stay."""

    def reload(self) -> str | None:
        """Begin to replace all workers. Why not, where it cannot."""

    def scale(self, workers: int) -> str | None:
        """Have so many workers. Why not, where it cannot."""

    def drain(self, worker: int) -> str | None:
        """Begin to replace the worker of a place. Why not, where it cannot."""

    def stacks(self, done: Callable[[str], None]) -> None:
        """Ask the workers what their threads are doing."""


class _BadRequestError(Exception):
    """A parameter that makes no sense; the text says which."""


def answer(
    steward: Steward, method: str, path: str, query: str, done: Callable[[Answer], None]
) -> None:
    """Do what a request asks for, and call `done` with the answer, perhaps later."""
    actions: Mapping[str, tuple[str, Callable[[], None]]] = {
        "/status": ("GET", lambda: steward.status(lambda found: done(_json(200, found)))),
        "/metrics": ("GET", lambda: steward.status(lambda found: done(_metrics(found)))),
        "/healthz": ("GET", lambda: done(_whether(steward.healthy(), "no worker accepts"))),
        "/readyz": ("GET", lambda: done(_whether(steward.ready(), "not all workers accept"))),
        "/reload": ("POST", lambda: done(_begun(steward.reload()))),
        "/scale": ("POST", lambda: done(_begun(steward.scale(_number(query, "workers", least=1))))),
        "/drain": ("POST", lambda: done(_begun(steward.drain(_number(query, "worker"))))),
        "/stacks": ("POST", lambda: steward.stacks(lambda text: done(_text(200, text)))),
    }
    found = actions.get(path)
    if found is None:
        done(_text(404, f"no {path} here; there are {' '.join(sorted(actions))}"))
        return
    wanted, act = found
    if method != wanted and not (wanted == "GET" and method == "HEAD"):
        done(_text(405, f"{path} takes {wanted}"))
        return
    try:
        act()
    except _BadRequestError as error:
        done(_text(400, str(error)))


def _number(query: str, name: str, *, least: int = 0) -> int:
    words = urllib.parse.parse_qs(query).get(name, [])
    if len(words) != 1 or not _NUMBER.fullmatch(words[0]):
        raise _BadRequestError(f"want ?{name}=N")
    number = int(words[0])
    if not least <= number <= _MOST_WORKERS:
        raise _BadRequestError(f"{name} must be from {least} to {_MOST_WORKERS}, not {number}")
    return number


def _json(status: int, document: object) -> Answer:
    return Answer(status, "application/json", json.dumps(document, indent=1).encode() + b"\n")


def _text(status: int, line: str) -> Answer:
    return Answer(status, _TEXT, line.encode("utf-8", "replace") + b"\n")


def _metrics(status: Status) -> Answer:
    return Answer(200, metrics.CONTENT_TYPE, metrics.text(status).encode())


def _whether(so: bool, why_not: str) -> Answer:
    return _text(200, "ok") if so else _text(503, why_not)


def _begun(why_not: str | None) -> Answer:
    return _text(202, "begun") if why_not is None else _text(409, why_not)
