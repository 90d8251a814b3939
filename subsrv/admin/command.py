"""A running server, from outside: `subsrv status`, `top`, `reload` and the others."""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from subsrv import settings
from subsrv.admin import COMMANDS, client
from subsrv.errors import ConfigError, SubsrvError
from subsrv.parser import Parser

_LEAST_INTERVAL = 0.1  # of `top`
_LOOK_AGAIN = 0.1  # seconds, for the end of a reload


def main(name: str, words: Sequence[str]) -> int:
    """Run one of COMMANDS with its arguments, and return its exit status."""
    parser = Parser(prog=f"subsrv {name}", description=f"{COMMANDS[name].capitalize()}.")
    if name == "scale":
        parser.add_argument("workers", type=_number(1), metavar="WORKERS")
    elif name == "drain":
        parser.add_argument("worker", type=_number(0), metavar="WORKER", help="its number, from 0")
    elif name == "status":
        parser.add_argument("--json", action="store_true", help="all there is, for programs")
    elif name == "top":
        parser.add_argument("--interval", type=_seconds, default=1.0, metavar="SECONDS")
    elif name == "reload":
        parser.description = "Have it load the application anew, and tell how that went."
    parser.add_argument(
        "--control",
        metavar="ADDRESS",
        help="the server's --control (default: $SUBSRV_CONTROL or pyproject.toml's)",
    )
    given = parser.parse_args(words)
    flags = {} if given.control is None else {"--control": given.control}
    address = settings.from_sources(flags, os.environ, Path()).control
    if not address:
        raise ConfigError("which server? --control ADDRESS says where it listens for commands")
    try:
        return _run(name, address, given)
    except KeyboardInterrupt:
        return 0 if name == "top" else 130


def _run(name: str, address: str, given: argparse.Namespace) -> int:
    match name:
        case "status":
            found = client.status(address)
            print(json.dumps(found, indent=1) if given.json else table(found))
            return 0
        case "top":
            try:
                from subsrv.admin import top
            except ModuleNotFoundError as error:
                if error.name is None or not error.name.startswith("rich"):
                    raise
                raise SubsrvError("subsrv top needs rich: pip install 'subsrv[top]'") from None
            return top.run(address, given.interval)
        case "reload":
            _reload(address)
        case "scale":
            _ask(address, f"/scale?workers={given.workers}")
            print(f"{_counted(given.workers)} from now on")
        case "drain":
            _ask(address, f"/drain?worker={given.worker}")
            print(f"worker {given.worker} is to finish, and will be replaced")
        case _:
            client.status(address)  # of whatever else listens there, the answer would look as good
            print(_ask(address, f"/{name}", done=200))
    return 0


def _ask(address: str, target: str, *, done: int = 202) -> str:
    """Have something done; what is said to it. SubsrvError with the reason where it is not done."""
    status, body = client.request(address, "POST", target)
    text = body.decode(errors="replace").rstrip()
    if status in (400, 403, 409):
        raise SubsrvError(text)
    if status != done:
        raise client.stranger(address)
    return text


def _reload(address: str) -> None:
    """Ask for it, and wait for the end of it. SubsrvError where the new code does not load."""
    before = client.status(address)["server"]["reloads"]
    _ask(address, "/reload")
    while True:
        server = client.status(address)["server"]
        reloads = server["reloads"]
        # One that was under way does not count: it may have loaded the old code.
        if reloads["done"] + reloads["failed"] > before["begun"]:
            break
        time.sleep(_LOOK_AGAIN)
    if reloads["error"]:
        raise SubsrvError(f"not reloaded: {reloads['error']}")
    print(f"reloaded: {_counted(server['workers'])}")


def _counted(workers: int) -> str:
    return f"{workers} worker{'s' if workers != 1 else ''}"


def _number(least: int) -> Callable[[str], int]:
    """An argparse type: a whole number that is at least this."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and int(text) >= least):
            raise argparse.ArgumentTypeError(f"want a whole number from {least}, not {text!r}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    """An argparse type: how long to wait."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _LEAST_INTERVAL <= seconds < 1e6:
        raise argparse.ArgumentTypeError(f"want {_LEAST_INTERVAL} seconds or more, not {text!r}")
    return seconds


def table(status: dict[str, Any]) -> str:
    """The status for people: a line for the server, and one for each worker."""
    server = status["server"]
    head = (
        f"{' '.join(server['urls'])} mode={server['mode']} python={server['python']} "
        f"gil={server['gil']} pid={server['pid']} state={server['state']} "
        f"up={server['uptime']:.0f}s memory={server['memory'] / 1e6:.0f}MB "
        f"replaced={server['replacements']} restarts={server['restarts']}"
    )
    rows = [("worker", "state", "age", "requests", "connections", "in flight", "lag ms", "id")]
    for worker in status["workers"]:
        rows.append(
            (
                str(worker["place"]),
                worker["state"],
                f"{worker['age']:.0f}s",
                str(worker["requests"]),
                str(worker["connections"]),
                str(worker["in_flight"]),
                f"{worker['loop_lag'] * 1e3:.1f}",
                worker["id"],
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [head]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if error := server["reloads"]["error"]:
        lines.append(f"not reloaded: {error}")
    for worker in status["workers"]:
        if worker["last_error"]:
            lines.append(f"worker {worker['place']}: {worker['last_error']}")
    return "\n".join(lines)
