"""Options of how much, how long and how slowly a client may send and read."""

from dataclasses import dataclass

from subsrv.config.option import Kind, option


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits, Timeouts."""

    # Precedents: nginx large_client_header_buffers 4 x 8k; Apache LimitRequestLine 8190,
    # LimitRequestFields 100 and, since 2.4.54, LimitRequestBody 1g, as in waitress.
    limit_request_line: int = option("Limits", Kind.SIZE, 8192, "of the request line; else 414")
    limit_header_size: int = option("Limits", Kind.SIZE, 32768, "of all header lines; else 431")
    limit_header_count: int = option("Limits", Kind.COUNT, 100, "header lines; else 431")
    limit_body: int = option("Limits", Kind.SIZE, 1 << 30, "of a request body; else 413")
    # Of 512 KiB or less, bodies always fit. nginx and waitress have files for the rest at once.
    limit_body_memory: int = option(
        "Limits",
        Kind.SIZE,
        64 << 20,
        "of large bodies in each worker (native, WSGI with --threads 1); after 1 s without, disk",
    )
    limit_connections: int = option("Limits", Kind.COUNT, 0, "connections in each worker; else 503")
    limit_concurrency: int = option(
        "Limits", Kind.COUNT, 0, "requests under way in each worker; else 503"
    )
    # Off: only a client knows when an answer is of no use to it any more, and one in a closed loop
    # would rather wait. (gunicorn and uvicorn have no such limit; HAProxy's is its timeout queue.)
    limit_queue_age: float = option(
        "Limits",
        Kind.SECONDS,
        0.0,
        "how long a worker may be behind without a break, until what waits gets a 503; 0: for ever",
    )

    # Precedents: Apache RequestReadTimeout header=20; nginx client_body_timeout and send_timeout
    # 60, keepalive_timeout 75; gunicorn graceful_timeout 30.
    timeout_header: float = option("Timeouts", Kind.SECONDS, 20.0, "until a request head is whole")
    timeout_body: float = option(
        "Timeouts", Kind.SECONDS, 60.0, "between two parts of a request body"
    )
    timeout_keep_alive: float = option(
        "Timeouts", Kind.SECONDS, 75.0, "until an idle connection is closed"
    )
    timeout_write: float = option(
        "Timeouts", Kind.SECONDS, 60.0, "while a client reads nothing of its response"
    )
    # Precedents: Kestrel's MinRequestBodyDataRate and MinResponseDataRate, both 240; Apache
    # RequestReadTimeout body=20,MinRate=500.
    min_body_rate: int = option(
        "Timeouts",
        Kind.COUNT,
        240,
        "bytes a second, or a request body that keeps coming uses up --timeout-body too",
    )
    min_write_rate: int = option(
        "Timeouts",
        Kind.COUNT,
        240,
        "bytes a second, or a client that keeps reading uses up --timeout-write too",
    )
    graceful_timeout: float = option(
        "Timeouts", Kind.SECONDS, 30.0, "to finish requests when stopping; 0 drops them"
    )
