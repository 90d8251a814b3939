"""Options of what is served, by which workers, and where they listen."""

from dataclasses import dataclass

from subsrv.config.option import Kind, option

MODES = ("interp", "nogil", "thread", "process")
#: In place of a mode: the best of them in which the application works. Settled before any worker
#: is started (cli.py), so nothing else meets it.
AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Application, Workers, Listening."""

    app: str | None = option(
        "Application",
        Kind.APP,
        None,
        "module:attribute of an ASGI, WSGI or native application (default: a built-in hello)",
    )
    factory: bool = option(
        "Application", Kind.FLAG, False, "APP is a function that returns the application"
    )
    app_dir: str = option("Application", Kind.FOLDER, ".", "folder to put first on the import path")
    env_file: str | None = option(
        "Application", Kind.FILE, None, "variables to add to the environment, as in dotenv"
    )
    interface: str = option(
        "Application",
        Kind.CHOICE,
        "auto",
        "how APP is called; auto looks at its signature",
        choices=("auto", "asgi", "wsgi", "native"),
    )

    pid_file: str | None = option(
        "Workers", Kind.FILE, None, "where to leave the process's number while it serves"
    )
    mode: str = option(
        "Workers",
        Kind.CHOICE,
        "interp",
        "what each worker is, see below",
        choices=(*MODES, AUTO),
    )
    workers: int = option(
        "Workers", Kind.COUNT, 0, "how many; 0: one for each CPU this process may use"
    )
    threads: int = option(
        "Workers",
        Kind.COUNT,
        1,
        "WSGI requests that each worker runs at once; 1: in its loop, which they hold up",
        least=1,
    )
    start_method: str = option(
        "Workers",
        Kind.CHOICE,
        "spawn",
        "how process workers are started",
        choices=("spawn", "fork"),
    )

    bind: tuple[str, ...] = option(
        "Listening",
        Kind.ADDRESSES,
        ("127.0.0.1:8080",),
        "HOST:PORT, [IPV6]:PORT, unix:PATH, fd://N, or systemd: or systemd:NAME for the sockets "
        "that systemd passes; port 0 takes a free one; repeatable",
    )
    unix_mode: str | None = option(
        "Listening", Kind.MODE, None, "permissions of unix:PATH, as 660 (default: by the umask)"
    )
    unix_owner: str | None = option(
        "Listening", Kind.TEXT, None, "USER, USER:GROUP or :GROUP that owns unix:PATH"
    )
    backlog: int = option(
        "Listening", Kind.COUNT, 2048, "connections the kernel holds until one is accepted", least=1
    )
    accept: str = option(
        "Listening",
        Kind.CHOICE,
        "shared",
        "which worker serves a connection: shared, the next that waits; fair, the one with the "
        "fewest; reuseport, the kernel's hash, each worker listening by itself",
        choices=("shared", "fair", "reuseport"),
    )
    reactor: str = option(
        "Listening",
        Kind.CHOICE,
        "auto",
        "how sockets are watched; auto: epoll where there is one",
        choices=("auto", "epoll", "portable"),
    )
