"""A running server, from outside: `subsrv status`, `top`, `reload` and the others."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from subsrv import settings
from subsrv.admin import COMMANDS, client
from subsrv.errors import ConfigError, SubsrvError
from subsrv.parser import Parser

_FAILED = 1


def main(name: str, words: Sequence[str]) -> int:
    """Run one of COMMANDS with its arguments, and return its exit status."""
    parser = Parser(prog=f"subsrv {name}", description=f"{COMMANDS[name].capitalize()}.")
    if name == "scale":
        parser.add_argument("workers", type=int, metavar="WORKERS")
    elif name == "drain":
        parser.add_argument("worker", type=int, metavar="WORKER", help="its number, from 0")
    elif name == "status":
        parser.add_argument("--json", action="store_true", help="all there is, for programs")
    elif name == "top":
        parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS")
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
            if given.json:
                status, body = client.request(address, "GET", "/status")
                print(body.decode(), end="")
                return 0 if status == 200 else _FAILED
            print(table(found))
            return 0
        case "top":
            try:
                from subsrv.admin import top
            except ModuleNotFoundError as error:
                if error.name is None or not error.name.startswith("rich"):
                    raise
                raise SubsrvError("subsrv top needs rich: pip install 'subsrv[top]'") from None
            return top.run(address, given.interval)
        case "scale":
            return _act(address, f"/scale?workers={given.workers}")
        case "drain":
            return _act(address, f"/drain?worker={given.worker}")
        case _:
            return _act(address, f"/{name}")


def _act(address: str, target: str) -> int:
    status, body = client.request(address, "POST", target)
    text = body.decode(errors="replace").rstrip()
    if status >= 400:
        print(f"subsrv: error: {text}", file=sys.stderr)
        return _FAILED
    print(text)
    return 0


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
    for worker in status["workers"]:
        if worker["last_error"]:
            lines.append(f"worker {worker['place']}: {worker['last_error']}")
    return "\n".join(lines)
