"""The configuration: one frozen dataclass, each default written here and nowhere else.

Each field carries an `Option`, which says what the setting is. The rule that its value must keep
is written there once, and serves every source of settings (settings.py) and `--help` (cli.py).
"""

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from subsrv.errors import ConfigError

MODES = ("interp", "nogil", "thread", "process")
#: In place of a mode: the best of them in which the application works. Settled before any worker
#: is started (cli.py), so nothing else meets it.
AUTO = "auto"


class Kind(Enum):
    """What sort of value a setting has, in the words of an error message."""

    APP = "module:attribute"
    FOLDER = "a folder"
    FILE = "a file"
    TEXT = "text"
    CHOICE = "one of"
    FLAG = "true or false"
    COUNT = "a whole number"
    SIZE = "a whole number of bytes"
    SECONDS = "a number of seconds"
    ADDRESSES = "one address or more"
    PEERS = "addresses or networks"
    MODE = "three or four octal digits"
    HEADERS = "headers as NAME:VALUE"
    PATTERNS = "names or patterns"


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One setting: its kind, default and bounds, and what `--help` says of it under which title."""

    group: str
    kind: Kind
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    least: int = 0

    def fault(self, value: object) -> str | None:
        """What is wrong with `value`, as in "must be 0 or more, not -1"; None if nothing is."""
        rule = self._broken_rule(value)
        return f"must be {rule}, not {value!r}{self._hint(value)}" if rule else None

    def _broken_rule(self, value: Any) -> str | None:
        if value is None and self.default is None:
            return None
        rule: str = self.kind.value
        if self.kind is Kind.CHOICE:
            return None if value in self.choices else f"{rule} {', '.join(self.choices)}"
        if not _is_a(self.kind, value):
            return rule
        if self.kind in (Kind.COUNT, Kind.SIZE, Kind.SECONDS):
            # What a C int or ssize_t holds, for these numbers end up in system calls.
            most = sys.maxsize if self.kind is Kind.SIZE else 2**31 - 1
            if not value >= self.least:  # rather than "<", which NaN would pass
                return f"{self.least} or more"
            if value > most:
                return f"{most} or less"
        return None

    def _hint(self, value: object) -> str:
        if self.kind is Kind.CHOICE:
            return did_you_mean(value, self.choices)
        if self.kind is not Kind.APP:
            return ""
        if not isinstance(value, str):
            return ": every isolate imports it for itself"
        module, _, attribute = value.partition(":")
        guess = f"{module.removesuffix('.py').replace('/', '.')}:{attribute or 'app'}"
        return f", did you mean {guess!r}?" if _names_attribute(guess) else ""


def _is_a(kind: Kind, value: object) -> bool:
    match kind:
        case Kind.APP:
            return isinstance(value, str) and _names_attribute(value)
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.COUNT | Kind.SIZE:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.SECONDS:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.PEERS | Kind.PATTERNS:
            return isinstance(value, tuple) and all(map(_is_text, value))
        case Kind.MODE:
            return isinstance(value, str) and re.fullmatch("[0-7]{3,4}", value) is not None
        case Kind.ADDRESSES:
            return isinstance(value, tuple) and value != () and all(map(_is_text, value))
        case Kind.HEADERS:
            return isinstance(value, tuple) and all(map(_is_header, value))
        case _:
            return _is_text(value)


def _is_header(value: object) -> bool:
    # RFC 9110 section 5: a token, and a value without controls.
    field = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*"
    return isinstance(value, str) and re.fullmatch(field, value) is not None


# What the server says of the connection and of this response, nobody else can.
_OWN_HEADERS = frozenset(
    ("connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade")
)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _names_attribute(app: str) -> bool:
    module, _, attribute = app.partition(":")
    names = (*module.split("."), *attribute.split("."))
    return all(name.isidentifier() for name in names) and not module.endswith(".py")


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The tail of a message about an unknown `word`: the known one that is like it, or nothing."""
    import difflib  # only once something is wrong: no worker pays for it

    # The cutoff is above what the prefix SUBSRV_ alone makes two short names alike.
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.75)
    return f", did you mean {close[0]!r}?" if close else ""


def _option(group: str, kind: Kind, default: Any, help_: str, **more: Any) -> Any:
    option = Option(group=group, kind=kind, default=default, help=help_, **more)
    return dataclasses.field(default=default, metadata={"option": option})


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Every setting of the server, checked when it is made.

    Sizes are in bytes, times in seconds; 0 turns a limit or a timeout off, but a
    `graceful_timeout` of 0 waits for nothing. Raises ConfigError, whose text holds every fault.
    """

    app: str | None = _option(
        "Application",
        Kind.APP,
        None,
        "module:attribute of an ASGI, WSGI or native application (default: a built-in hello)",
    )
    factory: bool = _option(
        "Application", Kind.FLAG, False, "APP is a function that returns the application"
    )
    app_dir: str = _option(
        "Application", Kind.FOLDER, ".", "folder to put first on the import path"
    )
    env_file: str | None = _option(
        "Application", Kind.FILE, None, "variables to add to the environment, as in dotenv"
    )
    interface: str = _option(
        "Application",
        Kind.CHOICE,
        "auto",
        "how APP is called; auto looks at its signature",
        choices=("auto", "asgi", "wsgi", "native"),
    )

    pid_file: str | None = _option(
        "Workers", Kind.FILE, None, "where to leave the process's number while it serves"
    )
    mode: str = _option(
        "Workers",
        Kind.CHOICE,
        "interp",
        "what each worker is, see below",
        choices=(*MODES, AUTO),
    )
    workers: int = _option(
        "Workers", Kind.COUNT, 0, "how many; 0: one for each CPU this process may use"
    )
    threads: int = _option(
        "Workers",
        Kind.COUNT,
        1,
        "WSGI requests that each worker runs at once; 1: in its loop, which they hold up",
        least=1,
    )
    start_method: str = _option(
        "Workers",
        Kind.CHOICE,
        "spawn",
        "how process workers are started",
        choices=("spawn", "fork"),
    )

    bind: tuple[str, ...] = _option(
        "Listening",
        Kind.ADDRESSES,
        ("127.0.0.1:8080",),
        "HOST:PORT, [IPV6]:PORT, unix:PATH, fd://N, or systemd: or systemd:NAME for the sockets "
        "that systemd passes; port 0 takes a free one; repeatable",
    )
    unix_mode: str | None = _option(
        "Listening", Kind.MODE, None, "permissions of unix:PATH, as 660 (default: by the umask)"
    )
    unix_owner: str | None = _option(
        "Listening", Kind.TEXT, None, "USER, USER:GROUP or :GROUP that owns unix:PATH"
    )
    backlog: int = _option(
        "Listening", Kind.COUNT, 2048, "connections the kernel holds until one is accepted", least=1
    )
    accept: str = _option(
        "Listening",
        Kind.CHOICE,
        "shared",
        "which worker serves a connection: shared, the next that waits; fair, the one with the "
        "fewest; reuseport, the kernel's hash, each worker listening by itself",
        choices=("shared", "fair", "reuseport"),
    )
    reactor: str = _option(
        "Listening",
        Kind.CHOICE,
        "auto",
        "how sockets are watched; auto: epoll where there is one",
        choices=("auto", "epoll", "portable"),
    )

    ssl_certfile: str | None = _option(
        "TLS", Kind.FILE, None, "certificate and its chain, in PEM; with it all addresses speak TLS"
    )
    ssl_keyfile: str | None = _option(
        "TLS", Kind.FILE, None, "its private key, in PEM (default: in the certificate's file)"
    )
    ssl_keyfile_password: str | None = _option(
        "TLS",
        Kind.TEXT,
        None,
        "of that key; others cannot see it in $SUBSRV_SSL_KEYFILE_PASSWORD",
    )
    ssl_ca_certs: str | None = _option(
        "TLS", Kind.FILE, None, "who may sign the certificates of clients, in PEM"
    )
    ssl_cert_reqs: str = _option(
        "TLS",
        Kind.CHOICE,
        "none",
        "whether clients show a certificate",
        choices=("none", "optional", "required"),
    )
    ssl_minimum_version: str = _option(
        "TLS",
        Kind.CHOICE,
        "TLSv1.2",
        "the oldest that is spoken",
        choices=("TLSv1.2", "TLSv1.3"),
    )
    ssl_ciphers: str | None = _option(
        "TLS", Kind.TEXT, None, "for TLSv1.2, as OpenSSL writes them (default: Python's choice)"
    )

    # Nobody is trusted unless told so: whoever is on this machine could else be anybody (uvicorn
    # and gunicorn trust 127.0.0.1).
    forwarded_allow_ips: tuple[str, ...] = _option(
        "Proxies",
        Kind.PEERS,
        (),
        "proxies that say who a client is: addresses, networks, unix:, or * for all; repeatable",
    )
    forwarded_header: str = _option(
        "Proxies",
        Kind.CHOICE,
        "x-forwarded",
        "how they say it: X-Forwarded-For and -Proto, or Forwarded (RFC 7239)",
        choices=("x-forwarded", "forwarded"),
    )
    proxy_protocol: bool = _option(
        "Proxies", Kind.FLAG, False, "each connection begins with the PROXY protocol, 1 or 2"
    )
    root_path: str | None = _option(
        "Proxies", Kind.TEXT, None, "where they publish the application, as /shop: not at /"
    )

    # Precedents: nginx large_client_header_buffers 4 x 8k; Apache LimitRequestLine 8190,
    # LimitRequestFields 100 and, since 2.4.54, LimitRequestBody 1g, as in waitress.
    limit_request_line: int = _option("Limits", Kind.SIZE, 8192, "of the request line; else 414")
    limit_header_size: int = _option("Limits", Kind.SIZE, 32768, "of all header lines; else 431")
    limit_header_count: int = _option("Limits", Kind.COUNT, 100, "header lines; else 431")
    limit_body: int = _option("Limits", Kind.SIZE, 1 << 30, "of a request body; else 413")
    limit_connections: int = _option(
        "Limits", Kind.COUNT, 0, "connections in each worker; else 503"
    )
    limit_concurrency: int = _option(
        "Limits", Kind.COUNT, 0, "requests under way in each worker; else 503"
    )

    # Precedents: Apache RequestReadTimeout header=20; nginx client_body_timeout and send_timeout
    # 60, keepalive_timeout 75; gunicorn graceful_timeout 30.
    timeout_header: float = _option("Timeouts", Kind.SECONDS, 20.0, "until a request head is whole")
    timeout_body: float = _option(
        "Timeouts", Kind.SECONDS, 60.0, "between two parts of a request body"
    )
    timeout_keep_alive: float = _option(
        "Timeouts", Kind.SECONDS, 75.0, "until an idle connection is closed"
    )
    timeout_write: float = _option(
        "Timeouts", Kind.SECONDS, 60.0, "while a client reads nothing of its response"
    )
    # Precedents: Kestrel's MinRequestBodyDataRate and MinResponseDataRate, both 240; Apache
    # RequestReadTimeout body=20,MinRate=500.
    min_body_rate: int = _option(
        "Timeouts",
        Kind.COUNT,
        240,
        "bytes a second, or a request body that keeps coming uses up --timeout-body too",
    )
    min_write_rate: int = _option(
        "Timeouts",
        Kind.COUNT,
        240,
        "bytes a second, or a client that keeps reading uses up --timeout-write too",
    )
    graceful_timeout: float = _option(
        "Timeouts", Kind.SECONDS, 30.0, "to finish requests when stopping; 0 drops them"
    )

    require_nogil: bool = _option(
        "Recovery", Kind.FLAG, False, "drain and exit when an extension module turns the GIL on"
    )

    # Names and patterns as uvicorn has them.
    reload: bool = _option(
        "Development", Kind.FLAG, False, "watch the sources, and load them anew when one changes"
    )
    reload_dir: tuple[str, ...] = _option(
        "Development", Kind.PATTERNS, (), "a folder to watch, in place of --app-dir; repeatable"
    )
    reload_include: tuple[str, ...] = _option(
        "Development", Kind.PATTERNS, ("*.py",), "names of files that count; repeatable"
    )
    reload_exclude: tuple[str, ...] = _option(
        "Development",
        Kind.PATTERNS,
        (".*", "__pycache__", "node_modules", "site-packages"),
        "names of files and folders that do not; repeatable",
    )

    # Precedent: gunicorn's timeout of 30, after which it kills a worker.
    hang_timeout: float = _option(
        "Recovery",
        Kind.SECONDS,
        30.0,
        "for a worker's loop to turn, or another one takes its place; 0: never ask",
    )
    hang_limit: int = _option(
        "Recovery",
        Kind.COUNT,
        4,
        "workers that hang and cannot be ended, until no more are started in place of others",
        least=1,
    )
    hang_exit: bool = _option(
        "Recovery", Kind.FLAG, False, "drain and exit with status 5 when there are so many"
    )

    control: str | None = _option(
        "Recovery",
        Kind.TEXT,
        None,
        "unix:PATH or a loopback HOST:PORT, where subsrv status, top, reload, scale and drain, "
        "Prometheus and orchestrators find the server",
    )

    # Precedents: gunicorn's max_requests and max_requests_jitter.
    max_requests: int = _option(
        "Recovery", Kind.COUNT, 0, "that a worker serves, about, until a new one takes over; 0: all"
    )
    max_requests_jitter: int = _option(
        "Recovery", Kind.COUNT, 0, "up to so many requests more, so that workers do not end at once"
    )
    max_lifetime: float = _option(
        "Recovery", Kind.SECONDS, 0.0, "of a worker, until a new one takes over; 0: no end"
    )
    max_rss: int = _option(
        "Recovery",
        Kind.SIZE,
        0,
        "memory of a worker process, or of the one that all share, until workers are replaced",
    )
    force_recycling: bool = _option(
        "Recovery", Kind.FLAG, False, "also where interpreters do not give back their memory (3.13)"
    )

    date_header: bool = _option("HTTP", Kind.FLAG, True, "send a Date header")
    server_header: bool = _option("HTTP", Kind.FLAG, True, "send a Server header")
    header: tuple[str, ...] = _option(
        "HTTP",
        Kind.HEADERS,
        (),
        "header of every response, unless the application sends its own; repeatable",
    )
    header_cache: int = _option(
        "HTTP",
        Kind.COUNT,
        1024,
        "header lines that each worker remembers parsed; 0 parses each anew",
    )

    # Defaults and names are uvicorn's.
    ws_max_size: int = _option(
        "WebSockets", Kind.SIZE, 16 << 20, "of a message, inflated; else it closes with 1009"
    )
    ws_max_queue: int = _option(
        "WebSockets", Kind.COUNT, 32, "messages read ahead of the application"
    )
    ws_ping_interval: float = _option(
        "WebSockets", Kind.SECONDS, 20.0, "between two pings to a client; 0: none"
    )
    ws_ping_timeout: float = _option(
        "WebSockets", Kind.SECONDS, 20.0, "for a sign of life after one; else it closes with 1011"
    )
    ws_per_message_deflate: bool = _option(
        "WebSockets", Kind.FLAG, True, "compress messages where the client can"
    )

    access_log: bool = _option("Logging", Kind.FLAG, False, "a line for each request")
    access_log_format: str = _option(
        "Logging",
        Kind.TEXT,
        "combined",
        "common, combined, json, or one's own with atoms as gunicorn has them: %(h)s",
    )
    access_log_file: str = _option(
        "Logging", Kind.FILE, "-", "where to append those lines; -: standard output"
    )
    log_level: str = _option(
        "Logging",
        Kind.CHOICE,
        "info",
        "the least severe messages to show",
        choices=("debug", "info", "warning", "error", "critical"),
    )
    log_config: str | None = _option(
        "Logging",
        Kind.FILE,
        None,
        "configure logging from a .json, .toml or .yaml file (dictConfig) or an .ini (fileConfig)",
    )

    def __post_init__(self) -> None:
        faults = [
            f"{name} {fault}"
            for name, option in OPTIONS.items()
            if (fault := option.fault(getattr(self, name)))
        ]
        if not OPTIONS["header"].fault(self.header):
            names = [line.partition(":")[0] for line in self.header]
            own = [name for name in names if name.lower() in _OWN_HEADERS]
            faults += [f"header {name!r} is the server's own to send" for name in own]
        if self.factory is True and self.app is None:
            faults.append("factory is set, but there is no app for it to make")
        for name in ("ssl_keyfile", "ssl_keyfile_password", "ssl_ca_certs", "ssl_ciphers"):
            if getattr(self, name) is not None and self.ssl_certfile is None:
                faults.append(f"{name} is set, but there is no ssl_certfile")
        if self.ssl_cert_reqs != "none" and self.ssl_ca_certs is None:
            faults.append(f"ssl_cert_reqs is {self.ssl_cert_reqs!r}, but there are no ssl_ca_certs")
        if self.proxy_protocol is True and not self.forwarded_allow_ips:
            faults.append("proxy_protocol is set, but forwarded_allow_ips trusts nobody")
        root = self.root_path
        if isinstance(root, str) and not re.fullmatch(r"(/[\w.~!$&'()*+,;=:@-]+)+", root, re.ASCII):
            faults.append(f"root_path must be a path such as /shop, not {root!r}")
        if faults:
            raise ConfigError("; ".join(faults))

    def dumps(self) -> str:
        """The whole configuration as one JSON string, the form in which it reaches workers."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def loads(cls, text: str) -> Self:
        """The inverse of `dumps`."""
        fields = json.loads(text)
        for name, option in OPTIONS.items():
            if isinstance(option.default, tuple):
                fields[name] = tuple(fields[name])
        return cls(**fields)


OPTIONS: Mapping[str, Option] = {
    field.name: field.metadata["option"] for field in dataclasses.fields(Config)
}
