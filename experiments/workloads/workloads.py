"""The workloads: for each a load, the handler it needs, and a look at its answers.

A load is wrk's, the same for the same seed. wrk counts completed requests and bad statuses, but
reads no bodies: so all answers are looked at before and after, and the average size in between.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.apps import work
from experiments.harness.paths import EXPERIMENTS, VARIED
from experiments.harness.verify import WrongAnswerError
from experiments.harness.wrk import Wrk
from experiments.workloads.client import Answer, Connection

_SCRIPTS = EXPERIMENTS / "workloads"
_ECHO = 4096  # bytes
_UPLOAD = 20 * 1024 * 1024
_DEPTH = 16
_LIFE = 10  # requests on one connection of limited-conn, on average

#: Gives the answers to look at; their average size is that of a load's.
type _Look = Callable[[Connection], Sequence[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One kind of traffic.

    Attributes:
      handler: what an application needs, a name in each of `experiments.apps.work_*`.
      path: of the load's requests, and of the first one that a server is asked.
      what: in words, for people.
      moves: bytes that a request moves, where they are its point.
    """

    name: str
    what: str
    handler: str
    path: str
    look: _Look
    script: Path | None = None
    arguments: tuple[str, ...] = ()
    connections: int = 256
    timeout: int = 2
    moves: int = 0

    def load(self) -> Wrk:
        """The load. Scripts take a seed, and then the workload's arguments."""
        return Wrk(
            connections=self.connections,
            path=self.path,
            script=self.script,
            arguments=self.arguments,
            seeded=self.script is not None,
            timeout=self.timeout,
        )

    def verify(self, address: tuple[str, int]) -> float:
        """Look at all kinds of answers; the average bytes of one under this load.

        WrongAnswerError tells what came instead.
        """
        with Connection(address) as connection:
            answers = self.look(connection)
        return sum(answer.size for answer in answers) / len(answers)


def _request(method: str, target: str, *fields: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _wants(answer: Answer, body: bytes) -> Answer:
    if answer.status != 200 or answer.body != body:
        raise WrongAnswerError(
            f"want status 200 and {body[:40]!r} ({len(body)} bytes), "
            f"got {answer.status} and {answer.body[:200]!r} ({len(answer.body)} bytes)"
        )
    return answer


def _ask(connection: Connection, request: bytes, body: bytes) -> Answer:
    (answer,) = connection.ask(request)
    return _wants(answer, body)


def _look_hello(connection: Connection) -> list[Answer]:
    return [_ask(connection, _request("GET", "/"), work.HELLO) for _ in range(3)]


def _look_varied(connection: Connection) -> list[Answer]:
    fields = ("Accept: text/html,*/*;q=0.8", "Cookie: theme=dark; session=1", "Priority: u=0, i")
    targets = ("/articles/1?from=2", "/users/22222?from=1")
    return [_ask(connection, _request("GET", target, *fields), work.HELLO) for target in targets]


def _look_pipelined(connection: Connection) -> list[Answer]:
    answers = connection.ask(*[_request("GET", "/")] * _DEPTH)
    return [_wants(answer, work.HELLO) for answer in answers]


def _look_limited(connection: Connection) -> list[Answer]:
    answers = [_ask(connection, _request("GET", "/"), work.HELLO) for _ in range(_LIFE - 1)]
    last = _ask(connection, _request("GET", "/", "Connection: close"), work.HELLO)
    if not last.closes:
        # wrk would send its next request into a connection that is about to close.
        raise WrongAnswerError("asked to close the connection, it does not say that it will")
    return [*answers, last]


def _look_baseline(connection: Connection) -> list[Answer]:
    target, kind = "/baseline?a=113&b=142", "Content-Type: text/plain"
    chunks = b"3\r\n120\r\n0\r\n\r\n"
    chunked = _request("POST", target, kind, "Transfer-Encoding: chunked", body=chunks)
    return [
        _ask(connection, _request("GET", target), b"255"),
        _ask(connection, _request("POST", target, kind, "Content-Length: 3", body=b"120"), b"375"),
        _ask(connection, chunked, b"375"),
    ]


def _look_articles(connection: Connection) -> list[Answer]:
    answers = []
    for multiplier in range(2, 9):
        (answer,) = connection.ask(_request("GET", f"/articles?m={multiplier}"))
        # Each server's own encoder may put spaces, and escape, as it likes.
        try:
            found = json.loads(answer.body)
        except ValueError:
            found = None
        if found != work.catalogue(multiplier):
            raise WrongAnswerError(f"not the articles for m={multiplier}: {answer.body!r}")
        answers.append(_wants(answer, answer.body))
    return answers


def _posting(target: str, body: bytes) -> bytes:
    kind, length = "Content-Type: application/octet-stream", f"Content-Length: {len(body)}"
    return _request("POST", target, kind, length, body=body)


def _look_echo(connection: Connection) -> list[Answer]:
    body = bytes(range(256)) * (_ECHO // 256)
    return [_ask(connection, _posting("/echo", body), body) for _ in range(2)]


def _look_upload(connection: Connection) -> list[Answer]:
    body = bytes(_UPLOAD)
    return [_ask(connection, _posting("/upload", body), str(_UPLOAD).encode()) for _ in range(2)]


def _look_stream(connection: Connection) -> list[Answer]:
    body = b"".join(work.CHUNKS)
    return [_ask(connection, _request("GET", "/stream"), body) for _ in range(2)]


_ALL = (
    Workload(
        name="hello",
        what="GET /, kept connections",
        handler="hello",
        path="/",
        look=_look_hello,
    ),
    Workload(
        name="varied",
        what="browser-like GETs, no two heads the same",
        handler="hello",
        path="/",
        look=_look_varied,
        script=VARIED,
    ),
    Workload(
        name="baseline",
        what="a third each GET, POST, POST in chunks; sums of query and body",
        handler="baseline",
        path="/baseline?a=113&b=142",
        look=_look_baseline,
        script=_SCRIPTS / "baseline.lua",
    ),
    Workload(
        name="pipelined",
        what=f"GET /, {_DEPTH} at once",
        handler="hello",
        path="/",
        look=_look_pipelined,
        script=_SCRIPTS / "pipelined.lua",
    ),
    Workload(
        name="limited",
        what=f"GET /, a new connection after {_LIFE} requests on average",
        handler="hello",
        path="/",
        look=_look_limited,
        script=_SCRIPTS / "limited.lua",
    ),
    Workload(
        name="articles",
        what="JSON of about 1 KB, computed for each request",
        handler="articles",
        path="/articles?m=2",
        look=_look_articles,
        script=_SCRIPTS / "articles.lua",
    ),
    Workload(
        name="echo",
        what="POST of 4 KB, given back",
        handler="echo",
        path="/echo",
        look=_look_echo,
        script=_SCRIPTS / "post.lua",
        arguments=(str(_ECHO),),
    ),
    Workload(
        name="upload",
        what="POST of 20 MB, counted",
        handler="upload",
        path="/upload",
        look=_look_upload,
        script=_SCRIPTS / "post.lua",
        arguments=(str(_UPLOAD),),
        connections=8,
        timeout=10,
        moves=_UPLOAD,
    ),
    Workload(
        name="stream",
        what="1 MB down in 16 parts, of a length not said before",
        handler="stream",
        path="/stream",
        look=_look_stream,
        connections=32,
        timeout=10,
        moves=sum(map(len, work.CHUNKS)),
    ),
)

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in _ALL}
