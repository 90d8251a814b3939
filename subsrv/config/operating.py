"""Options of what is done while the server runs: workers replaced, sources watched."""

from dataclasses import dataclass

from subsrv.config.option import Kind, option


@dataclass(frozen=True, kw_only=True)
class Operating:
    """Recovery, Development."""

    require_nogil: bool = option(
        "Recovery", Kind.FLAG, False, "drain and exit when an extension module turns the GIL on"
    )

    # Precedent: gunicorn's timeout of 30, after which it kills a worker.
    hang_timeout: float = option(
        "Recovery",
        Kind.SECONDS,
        30.0,
        "for a worker's loop to turn, or another one takes its place; 0: never ask",
    )
    hang_limit: int = option(
        "Recovery",
        Kind.COUNT,
        4,
        "workers that hang and cannot be ended, until no more are started in place of others",
        least=1,
    )
    hang_exit: bool = option(
        "Recovery", Kind.FLAG, False, "drain and exit with status 5 when there are so many"
    )

    control: str | None = option(
        "Recovery",
        Kind.TEXT,
        None,
        "unix:PATH or a loopback HOST:PORT, where subsrv status, top, reload, scale and drain, "
        "Prometheus and orchestrators find the server",
    )

    # Precedents: gunicorn's max_requests and max_requests_jitter.
    max_requests: int = option(
        "Recovery", Kind.COUNT, 0, "that a worker serves, about, until a new one takes over; 0: all"
    )
    max_requests_jitter: int = option(
        "Recovery", Kind.COUNT, 0, "up to so many requests more, so that workers do not end at once"
    )
    max_lifetime: float = option(
        "Recovery", Kind.SECONDS, 0.0, "of a worker, until a new one takes over; 0: no end"
    )
    max_rss: int = option(
        "Recovery",
        Kind.SIZE,
        0,
        "memory of a worker process, or of the one that all share, until workers are replaced",
    )
    force_recycling: bool = option(
        "Recovery", Kind.FLAG, False, "also where interpreters do not give back their memory (3.13)"
    )

    # Names and patterns as uvicorn has them.
    reload: bool = option(
        "Development", Kind.FLAG, False, "watch the sources, and load them anew when one changes"
    )
    reload_dir: tuple[str, ...] = option(
        "Development", Kind.PATTERNS, (), "a folder to watch, in place of --app-dir; repeatable"
    )
    reload_include: tuple[str, ...] = option(
        "Development", Kind.PATTERNS, ("*.py",), "names of files that count; repeatable"
    )
    reload_exclude: tuple[str, ...] = option(
        "Development",
        Kind.PATTERNS,
        (".*", "__pycache__", "node_modules", "site-packages"),
        "names of files and folders that do not; repeatable",
    )
