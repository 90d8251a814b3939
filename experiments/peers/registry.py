"""Every peer in its best configuration, and the reason for each of its settings.

Common to all: 127.0.0.1, no TLS, no access log, a backlog of 2048 where it can be set, and the
headers that each adds by itself (Date, Server). A setting is here because the server's own
documentation recommends it, or because it cost less CPU for each request when it was tried.
"""

from pathlib import Path
from signal import SIGINT

from experiments.peers.peer import Interface, Launch, Peer, Setting
from experiments.peers.programs import floor_response, nginx_configuration

_HERE = Path(__file__).parent
_NO_LOG = "messages cost time, and the access log is off everywhere"
_BACKLOG = "256 clients connect at once"


def _uvicorn(
    name: str, http: str, loop: str, *more: Setting, packages: tuple[str, ...], why: str
) -> Peer:
    def command(launch: Launch) -> tuple[str, ...]:
        port, workers = str(launch.port), str(launch.workers)
        served = ("--port", port, "--workers", workers, launch.app)
        return (launch.python, "-m", "uvicorn", *served)

    return Peer(
        name=f"uvicorn-{name}",
        interface=Interface.ASGI,
        packages=("uvicorn", *packages),
        command=command,
        settings=(
            Setting(("--http", http, "--loop", loop), why),
            Setting(("--no-access-log", "--log-level", "warning"), _NO_LOG),
            Setting(
                ("--no-proxy-headers",), "spares a middleware around each request that no other has"
            ),
            Setting(("--backlog", "2048"), _BACKLOG),
            *more,
        ),
    )


def _uvicorn_websockets(library: str, package: str) -> Peer:
    return _uvicorn(
        library,
        "httptools",
        "uvloop",
        Setting(("--ws", library), "the library that this line is about"),
        packages=("httptools", "uvloop", package),
        why="parser and loop in C, what uvicorn[standard] brings",
    )


_NO_WS = Setting(("--no-ws",), "no look for WebSocket upgrades")


def _granian(interface: Interface, *more: Setting, name: str = "") -> Peer:
    def command(launch: Launch) -> tuple[str, ...]:
        port, workers = str(launch.port), str(launch.workers)
        served = ("--port", port, "--workers", workers, launch.app)
        return (launch.python, "-m", "granian", "--interface", interface.value, *served)

    return Peer(
        name=name or f"granian-{interface}",
        interface=interface,
        packages=("granian", "uvloop"),
        command=command,
        settings=(
            Setting(("--http", "1"), "no look for HTTP/2's preface"),
            Setting(("--runtime-mode", "st"), "its advice for few workers"),
            Setting(("--backlog", "2048"), _BACKLOG),
            Setting(("--no-access-log", "--log-level", "warning"), _NO_LOG),
            *more,
        ),
    )


_UVLOOP = Setting(("--loop", "uvloop"), "the fastest of the loops that it names")


def _fastpysgi(interface: Interface) -> Peer:
    def command(launch: Launch) -> tuple[str, ...]:
        script = str(_HERE / "serve_fastpysgi.py")
        return (launch.python, script, launch.app, str(launch.port), str(launch.workers))

    return Peer(
        name=f"fastpysgi-{interface}",
        interface=interface,
        packages=("fastpysgi",),
        command=command,
        configured=(
            Setting(("read_buffer_size=256 KiB", "loop_timeout=1"), "as its author sets them"),
            Setting(("max_content_length=32 MiB",), "an upload is 20 MB, its limit 10 MB"),
            Setting(("loglevel=0",), _NO_LOG),
        ),
        stop=SIGINT,
    )


def _gunicorn(kind: str, interface: Interface, *more: Setting) -> Peer:
    def command(launch: Launch) -> tuple[str, ...]:
        bind, workers = f"127.0.0.1:{launch.port}", str(launch.workers)
        served = ("--bind", bind, "--workers", workers, launch.app)
        return (launch.python, "-m", "gunicorn", *served)

    return Peer(
        name=f"gunicorn-{kind}",
        interface=interface,
        packages=("gunicorn", *(("uvloop",) if kind == "asgi" else ())),
        optional=("gunicorn-h1c",),
        command=command,
        settings=(
            Setting(("--worker-class", kind), "the worker that this line is about"),
            Setting(
                ("--http-parser", "auto"),
                "its parser in C (gunicorn-h1c, what gunicorn[fast] brings) where there is a wheel",
            ),
            Setting(("--backlog", "2048"), _BACKLOG),
            Setting(("--log-level", "error"), _NO_LOG),
            Setting(("--worker-tmp-dir", "/dev/shm"), "its advice: the heartbeat touches no disk"),
            Setting(("--no-control-socket",), "nobody controls it"),
            *more,
        ),
    )


def _hypercorn(launch: Launch) -> tuple[str, ...]:
    bind, workers = f"127.0.0.1:{launch.port}", str(launch.workers)
    return (launch.python, "-m", "hypercorn", "--bind", bind, "--workers", workers, launch.app)


def _pyronova(launch: Launch) -> tuple[str, ...]:
    script = str(_HERE.parent / "apps" / "work_pyronova.py")
    return (launch.python, script, launch.app, str(launch.port), str(launch.workers))


def _dart(launch: Launch) -> tuple[str, ...]:
    return (str(launch.program), launch.app, str(launch.port), str(launch.workers))


def _nginx(launch: Launch) -> tuple[str, ...]:
    file = nginx_configuration(launch.folder, port=launch.port, workers=launch.workers)
    return (str(launch.program), "-e", "stderr", "-p", str(launch.folder), "-c", str(file))


def _floor(launch: Launch) -> tuple[str, ...]:
    return (str(launch.program), str(floor_response(launch.folder)), str(launch.port))


def _subsrv(interface: Interface, mode: str = "interp", why: str = "its default") -> Peer:
    def command(launch: Launch) -> tuple[str, ...]:
        bind, workers = f"127.0.0.1:{launch.port}", str(launch.workers)
        served = ("--bind", bind, "--workers", workers, launch.app)
        return (launch.python, "-m", "subsrv", *served)

    return Peer(
        name=f"subsrv-{interface}" if mode == "interp" else f"subsrv-{interface}-{mode}",
        interface=interface,
        command=command,
        settings=(
            Setting(("--mode", mode), why),
            Setting(("--limit-body-memory", "256m"), "eight uploads of 20 MB need no disk"),
        ),
    )


_ALL = (
    _subsrv(Interface.NATIVE),
    _subsrv(Interface.ASGI),
    _subsrv(Interface.WSGI),
    _subsrv(Interface.ASGI, "process", "the same worker, isolated as others isolate theirs"),
    _subsrv(Interface.WSGI, "process", "the same worker, isolated as others isolate theirs"),
    _subsrv(Interface.ASGI, "thread", "one worker, in one interpreter, as others have it"),
    _uvicorn(
        "zttp",
        "zttp",
        "zuvloop",
        packages=("zttp", "zuvloop"),
        why="parser and loop in Zig, the newest and fastest that it names",
    ),
    _uvicorn(
        "httptools",
        "httptools",
        "uvloop",
        packages=("httptools", "uvloop"),
        why="parser and loop in C, what uvicorn[standard] brings",
    ),
    _uvicorn(
        "h11",
        "h11",
        "asyncio",
        packages=("h11",),
        why="parser and loop in Python, what uvicorn alone brings",
    ),
    _uvicorn_websockets("websockets", "websockets"),
    _uvicorn_websockets("websockets-sansio", "websockets"),
    _uvicorn_websockets("wsproto", "wsproto"),
    _granian(Interface.ASGI, _NO_WS, _UVLOOP),
    _granian(Interface.ASGI, _UVLOOP, name="granian-websockets"),
    _granian(Interface.RSGI, _NO_WS, _UVLOOP),
    _granian(
        Interface.WSGI,
        _NO_WS,
        Setting(
            ("--blocking-threads", "1"), "its default of 512 threads for one GIL costs switches"
        ),
    ),
    _fastpysgi(Interface.ASGI),
    _fastpysgi(Interface.WSGI),
    Peer(
        name="hypercorn",
        interface=Interface.ASGI,
        packages=("hypercorn", "uvloop"),
        command=_hypercorn,
        settings=(
            Setting(("--worker-class", "uvloop"), "the fastest of its worker classes"),
            Setting(("--backlog", "2048"), _BACKLOG),
            Setting(("--log-level", "error"), _NO_LOG),
        ),
    ),
    _gunicorn("sync", Interface.WSGI),
    _gunicorn(
        "gthread",
        Interface.WSGI,
        Setting(
            ("--threads", "4"), "kept connections need its threads; of 1, 2, 4 and 16 the least"
        ),
        Setting(("--keep-alive", "75"), "no kept connection closes between two loads"),
        Setting(("--worker-connections", "4096"), "above the number of clients"),
    ),
    _gunicorn(
        "asgi",
        Interface.ASGI,
        Setting(("--asgi-loop", "uvloop"), "the fastest of its loops"),
        Setting(("--keep-alive", "75"), "no kept connection closes between two loads"),
        Setting(("--worker-connections", "4096"), "above the number of clients"),
    ),
    Peer(
        name="pyronova",
        interface=Interface.PYRONOVA,
        packages=("pyronova",),
        command=_pyronova,
        configured=(
            Setting(("io_workers=workers",), "as many threads for sockets as interpreters"),
            Setting(("max_body_size=32 MiB",), "an upload is 20 MB, its limit 10 MiB"),
            Setting(("PYRONOVA_LOG_LEVEL=OFF",), _NO_LOG),
        ),
        environment=(("PYRONOVA_LOG_LEVEL", "OFF"),),
        stop=SIGINT,
    ),
    Peer(
        name="dart",
        interface=Interface.DART,
        program="dart",
        command=_dart,
        configured=(
            Setting(("dart compile exe",), "native code: no warming up within a round"),
            Setting(("shared: true",), "isolates on one port"),
            Setting(("backlog: 2048",), _BACKLOG),
            Setting(("defaultResponseHeaders.clear()",), "no headers that only Dart sends"),
        ),
    ),
    Peer(
        name="nginx",
        interface=Interface.FIXED,
        program="nginx",
        command=_nginx,
        configured=(
            Setting(("return 200",), "the least that it can do: no application, no file"),
            Setting(("keepalive_requests 1000000000",), "its default closes after 1000 requests"),
            Setting(("worker_connections 8192",), "above the number of clients"),
            Setting(("reuseport",), "its advice: a listener for each worker"),
            Setting(("access_log off",), _NO_LOG),
        ),
    ),
    Peer(
        name="floor",
        interface=Interface.FIXED,
        program="floor",
        command=_floor,
        most_workers=1,
        configured=(Setting(("-O2",), "C, one epoll instance, nothing parsed"),),
    ),
)

PEERS: dict[str, Peer] = {peer.name: peer for peer in _ALL}
