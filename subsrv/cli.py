"""The command line: the only place that prints for people and chooses an exit status."""

import argparse
import dataclasses
import os
import platform
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import subsrv
from subsrv import admin, envfile, habits, logs, pidfile, settings
from subsrv.config import AUTO, OPTIONS, Config, Kind, Option, did_you_mean, flag
from subsrv.errors import ConfigError, SubsrvError
from subsrv.parser import Parser

if TYPE_CHECKING:
    from subsrv.ready import ReadyInfo

INTERRUPTED = 130  # what a shell reports for SIGINT

_GROUP_NOTES = {
    "Limits": "SIZE is in bytes, or with a suffix: 64k, 1m, 1g. 0: no limit.",
    "Timeouts": "In seconds. 0: wait for ever.",
    "WebSockets": "Of ASGI applications. SIZE and seconds as above; 0: no limit.",
}
_METAVARS = {
    Kind.FOLDER: "DIR",
    Kind.FILE: "PATH",
    Kind.MODE: "MODE",
    Kind.TEXT: "TEXT",
    Kind.COUNT: "N",
    Kind.SIZE: "SIZE",
    Kind.SECONDS: "SECONDS",
}


# As gunicorn and hypercorn have them.
_SHORT = {"bind": ("-b",), "workers": ("-w",)}


def _bench(words: Sequence[str]) -> int:
    from subsrv.bench import command

    return command.main(words)


def _check(words: Sequence[str]) -> int:
    from subsrv.check import command

    return command.main(words)


def _admin(name: str) -> Callable[[Sequence[str]], int]:
    def run(words: Sequence[str]) -> int:
        from subsrv.admin import command

        return command.main(name, words)

    return run


# Each imports what it needs when it is called. None can be taken for an APP, which has a colon.
_COMMANDS = {
    "bench": (_bench, "measure your application in each mode"),
    "check": (_check, "find out in which modes your application runs"),
    **{name: (_admin(name), what) for name, what in admin.COMMANDS.items()},
}

_EPILOG = f"""\
Commands (subsrv COMMAND --help):
{"\n".join(f"  {name:<8} {what}" for name, (_, what) in sorted(_COMMANDS.items()))}

Modes:
  interp   an interpreter with its own GIL, in this process
  nogil    a thread of this process, on a free-threaded build with the GIL off
  thread   a thread of this process, under its one GIL
  process  a process of its own
  auto     nogil, else interp, else process: the first in which a trial works

Settings:
  Every option is also an environment variable, SUBSRV_WORKERS=4, and a key of
  the [tool.subsrv] table in ./pyproject.toml, workers = 4. A flag wins over a
  variable, a variable over the file. A variable holds several addresses with
  commas between them, headers one on a line, and a boolean as 1 or 0, true or
  false. --host and --port are taken for --bind, too.

Signals:
  SIGTERM and SIGINT drain the server; the second one ends it at once.
  SIGQUIT stops at once: requests are dropped.
  SIGHUP replaces the workers by new ones, which load the application as it is
  now; if it does not load, the old ones serve on.
  SIGTTIN and SIGTTOU start one worker more, and end one.
  SIGUSR1 opens log files anew.
  SIGUSR2 starts this command anew and hands it the listening sockets; when the
  new server accepts, this one drains.

Exit status:
  0 after a drain, 2 for a bad option or configuration, 3 when the application
  cannot be loaded, 4 when a worker cannot start, 5 when too many workers hang
  that cannot be ended, 1 otherwise.

Examples:
  subsrv                           the built-in hello, a worker for each CPU
  subsrv shop:app --workers 4      app in shop.py, or in the package shop
  subsrv shop.wsgi:create_app --factory --threads 8
  subsrv shop:app --bind 0.0.0.0:8000 --bind unix:/run/shop.sock
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `subsrv` with `argv` (default: sys.argv) and return its exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        if words and words[0] in _COMMANDS:
            command, _ = _COMMANDS[words[0]]
            return command(words[1:])
        return _run(settings.from_sources(_flags(words), os.environ, Path()))
    except SubsrvError as error:
        return _tell(error)
    except KeyboardInterrupt:  # before the supervisor took the signals over
        return INTERRUPTED


def serve(app: str | None = None, **arguments: Any) -> int:
    """What `subsrv.serve` does."""
    try:
        return _run(settings.from_arguments({"app": app, **arguments}))
    except ConfigError:  # the caller's own mistake, so the caller's traceback
        raise
    except SubsrvError as error:
        return _tell(error)


def _run(config: Config) -> int:
    # Imported here, so that --help and a bad option answer at once.
    from subsrv import sockets, upgrade
    from subsrv.supervisor import Supervisor

    # An application that changes the working directory must not move it under later workers.
    folder = os.path.abspath(config.app_dir)
    if not os.path.isdir(folder):
        raise ConfigError(f"app-dir must be a folder that exists, not {config.app_dir!r}")
    bind = sockets.passed(config.bind, os.environ, before=upgrade.addresses(os.environ))
    config = dataclasses.replace(config, app_dir=folder, bind=bind)
    if config.env_file is not None:
        # Before anything is imported that may look at it; workers inherit it in every mode.
        os.environ.update(envfile.read(config.env_file, os.environ) | os.environ)
    if config.forwarded_allow_ips:
        from subsrv.forwarded import Peers

        Peers(config.forwarded_allow_ips)  # or one clear line
    if config.ssl_certfile is not None:
        config = _certificates(config)
    if config.access_log:
        config = _access_log(config)
    if config.log_config is not None:
        config = dataclasses.replace(config, log_config=os.path.abspath(config.log_config))
        if folder not in sys.path:
            sys.path.insert(0, folder)  # a handler's class may be the application's
    logs.configure(config.log_level, config.log_config)
    if config.mode == AUTO:
        config = _with_best_mode(config)
    if config.pid_file is None:
        return Supervisor(config, on_ready=_announce).run()
    path = pidfile.check(config.pid_file)

    def on_ready(ready: "ReadyInfo") -> None:
        pidfile.write(path)
        _announce(ready)

    try:
        return Supervisor(config, on_ready=on_ready).run()
    finally:
        pidfile.remove(path)


def _access_log(config: Config) -> Config:
    """The same with an absolute path, and a format that has been read without fault."""
    from subsrv.access import Format, LogFile

    Format(config.access_log_format)
    return dataclasses.replace(config, access_log_file=LogFile.absolute(config.access_log_file))


def _certificates(config: Config) -> Config:
    """The same with absolute paths, once the files have been found to be good for TLS."""
    from subsrv.certificates import Certificates, absolute

    Certificates(config)
    config = dataclasses.replace(config, ssl_sni=tuple(map(absolute, config.ssl_sni)))
    names = ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs")
    given = {name: path for name in names if (path := getattr(config, name)) is not None}
    return dataclasses.replace(
        config, **{name: os.path.abspath(path) for name, path in given.items()}
    )


def _with_best_mode(config: Config) -> Config:
    from subsrv.check import auto

    mode, why = auto.choose(config)
    print(f"subsrv: mode {mode}: {why}", file=sys.stderr, flush=True)
    return dataclasses.replace(config, mode=mode)


def _tell(error: SubsrvError) -> int:
    print(f"subsrv: error: {error}", file=sys.stderr)
    if error.detail:
        print(error.detail.rstrip(), file=sys.stderr)
    return error.status


def _flags(argv: Sequence[str]) -> dict[str, object]:
    """What the command line gives, keyed by flag. Ends the process after --help and --version."""
    given, rest = _parser().parse_known_args(argv)
    # Told before all else: the value of an unknown option was taken for APP.
    if unknown := [word.partition("=")[0] for word in rest if word.startswith("-")]:
        raise ConfigError("; ".join(map(_unknown, unknown)))
    if rest:
        raise ConfigError(f"one APP is enough, {rest[0]!r} is one too many")
    values = vars(given)
    host, port = values.pop("host", None), values.pop("port", None)
    if host is not None or port is not None:
        if "bind" in values:
            raise ConfigError("--host and --port are --bind HOST:PORT: give the one or the other")
        values["bind"] = [_address(host, port)]
    return {flag(name): value for name, value in values.items()}


def _unknown(word: str) -> str:
    flags = [flag(name) for name in OPTIONS]
    return f"unknown option {word!r}{habits.hint(word) or did_you_mean(word, flags)}"


def _address(host: str | None, port: str | None) -> str:
    """What uvicorn's and granian's users say in two words."""
    host, default_port = host or "127.0.0.1", OPTIONS["bind"].default[0].rpartition(":")[2]
    return f"{f'[{host}]' if ':' in host else host}:{port or default_port}"


def _parser() -> Parser:
    parser = Parser(
        prog="subsrv",
        usage="subsrv [APP] [options] | subsrv COMMAND ...",
        description="Serve a Python application on isolates that share one listening socket.",
        epilog=_EPILOG,
        formatter_class=_formatter,
        argument_default=argparse.SUPPRESS,  # only what is given overrides the other sources
        add_help=False,
        allow_abbrev=False,
    )
    groups = {}
    for name, option in OPTIONS.items():
        if option.group not in groups:
            note = _GROUP_NOTES.get(option.group)
            groups[option.group] = parser.add_argument_group(option.group, note)
        # By the dest "app", argparse knows a positional argument.
        spelling = name if option.kind is Kind.APP else flag(name)
        spellings = [*_SHORT.get(name, ()), spelling]
        groups[option.group].add_argument(*spellings, help=_help(option), **_reading(option))
    for spelling in ("--host", "--port"):
        parser.add_argument(spelling, help=argparse.SUPPRESS)
    about = parser.add_argument_group("About")
    about.add_argument("--help", "-h", action="help", help="show this and exit")
    about.add_argument("--version", action="version", version=_version(), help="show it and exit")
    return parser


def _formatter(*, prog: str) -> argparse.HelpFormatter:
    import shutil  # with three compressors, which only --help has to load

    width = min(shutil.get_terminal_size().columns, 100)
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=width)


def _reading(option: Option) -> dict[str, Any]:
    """How argparse takes an option: as text, for settings.py reads all sources alike."""
    match option.kind:
        case Kind.APP:
            return {"nargs": "?", "metavar": "APP"}
        case Kind.FLAG:
            return {"action": argparse.BooleanOptionalAction}
        case Kind.CHOICE:
            return {"metavar": "|".join(option.choices)}
        case Kind.ADDRESSES | Kind.PEERS:
            return {"metavar": "ADDRESS", "action": "append"}
        case Kind.PATTERNS:
            return {"metavar": "NAME", "action": "append"}
        case Kind.HEADERS:
            return {"metavar": "NAME:VALUE", "action": "append"}
        case kind:
            return {"metavar": _METAVARS[kind]}


def _help(option: Option) -> str:
    text = option.help.replace("%", "%%")
    match option.kind, option.default:
        case _, None:
            return text
        case Kind.FLAG, on:
            default = "on" if on else "off"
        case Kind.SIZE, size:
            default = _size(size)
        case Kind.SECONDS, seconds:
            default = f"{seconds:g}"
        case Kind.PATTERNS, ():
            return text
        case Kind.ADDRESSES | Kind.PATTERNS | Kind.PEERS, addresses:
            default = ",".join(addresses) or "none"
        case Kind.HEADERS, _:
            return text
        case _, value:
            default = str(value)
    return f"{text} (default: {default})"


def _size(size: int) -> str:
    fitting = (item for item in settings.SUFFIXES.items() if max(size, 1) % item[1] == 0)
    suffix, unit = max(fitting, key=lambda item: item[1])
    return f"{size // unit}{suffix}"


def _version() -> str:
    build = "free-threaded build" if sysconfig.get_config_var("Py_GIL_DISABLED") else "GIL build"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"subsrv {subsrv.__version__} ({python}, {build})"


def _announce(ready: "ReadyInfo") -> None:
    """The line that scripts wait for: from here on every worker accepts."""
    print(f"subsrv: {ready}", file=sys.stderr, flush=True)
