"""The configuration: one frozen dataclass, each default written here and nowhere else."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Self


def _option(default: Any, help_: str, **more: Any) -> Any:
    """A field with what the command line needs to offer it: help text, metavar, choices, flag."""
    return field(default=default, metadata={"help": help_, **more})


MODES = ("interp", "nogil", "thread", "process")


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Every setting of the server. Sizes are in bytes, times in seconds, 0 turns a limit off."""

    app: str | None = _option(None, "the application, module:attribute (default: a hello app)")
    factory: bool = _option(False, "APP is a function that returns the application")
    app_dir: str = _option(".", "put this folder on the import path first", metavar="DIR")
    interface: str = _option(
        "auto", "how to call the application", choices=("auto", "asgi", "wsgi", "native")
    )
    mode: str = _option("interp", "what each worker is", choices=MODES)
    workers: int = _option(0, "workers (default: one for each usable CPU)", metavar="N")
    threads: int = _option(1, "threads for WSGI requests in each worker", metavar="N")
    start_method: str = _option(
        "spawn", "how process workers are started", choices=("spawn", "fork")
    )
    bind: tuple[str, ...] = _option(
        ("127.0.0.1:8080",), "HOST:PORT, unix:PATH or fd://N; repeatable", metavar="ADDRESS"
    )
    backlog: int = _option(2048, "connections the kernel queues for accept", metavar="N")
    reactor: str = _option(
        "auto", "epoll, or the portable selector", choices=("auto", "epoll", "portable")
    )
    # Limits. Precedents: nginx large_client_header_buffers 4 × 8 KiB; Apache LimitRequestLine
    # 8190 and LimitRequestFields 100; Apache 2.4.54 and waitress 1 GiB for a body.
    limit_request_line: int = _option(8192, "longest request line", metavar="BYTES")
    limit_header_size: int = _option(32768, "largest block of header lines", metavar="BYTES")
    limit_header_count: int = _option(100, "most header lines", metavar="N")
    limit_body: int = _option(1 << 30, "largest request body", metavar="BYTES")
    limit_connections: int = _option(
        0, "connections a worker holds before it answers 503", metavar="N"
    )
    header_cache: int = _option(
        1024, "header lines each worker remembers parsed; 0 parses every line anew", metavar="N"
    )
    # Timeouts. Precedents: Apache mod_reqtimeout header=20; nginx client_body_timeout 60,
    # send_timeout 60 and keepalive_timeout 75; gunicorn graceful_timeout 30.
    timeout_header: float = _option(20.0, "to receive a whole request head", metavar="SECONDS")
    timeout_body: float = _option(60.0, "between two parts of a request body", metavar="SECONDS")
    timeout_keep_alive: float = _option(75.0, "for an idle connection", metavar="SECONDS")
    timeout_write: float = _option(
        60.0, "for a client that does not read its response", metavar="SECONDS"
    )
    graceful_timeout: float = _option(30.0, "to finish requests when stopping", metavar="SECONDS")
    date_header: bool = _option(True, "send a Date header")
    server_header: bool = _option(True, "send a Server header")
    log_level: str = _option(
        "info", "least severe message to log", choices=("debug", "info", "warning", "error")
    )

    def dumps(self) -> str:
        """The whole configuration as one JSON string, the form in which it reaches workers."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def loads(cls, text: str) -> Self:
        """The inverse of `dumps`."""
        fields = json.loads(text)
        fields["bind"] = tuple(fields["bind"])
        return cls(**fields)
