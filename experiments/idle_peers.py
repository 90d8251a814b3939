"""What an idle server and idle connections take in memory, of subsrv and of its Python peers.

Each serves an ASGI hello with one worker. Memory is that of all its processes.
`python -m experiments.idle --publish` measures them all.
"""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from experiments.apps import work
from experiments.harness.server import Command, Server, in_words
from experiments.peers.fit import application
from experiments.peers.peers import launched
from experiments.peers.registry import PEERS
from experiments.workloads.workloads import WORKLOADS
from subsrv.bench.launch import LaunchError
from subsrv.bench.processes import memory

#: Those that are looked at.
NAMES = (
    *(
        "subsrv-asgi",
        "subsrv-asgi-thread",
        "uvicorn-zttp",
        "uvicorn-httptools",
        "granian-asgi",
        "fastpysgi-asgi",
    ),
    *("hypercorn", "gunicorn-asgi"),
)

_REQUEST = b"GET / HTTP/1.1\r\nHost: idle\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n"

# What else a server needs to keep a connection that does nothing for a minute.
_PATIENCE = {
    "uvicorn-zttp": ("--timeout-keep-alive", "75"),
    "uvicorn-httptools": ("--timeout-keep-alive", "75"),
    "hypercorn": ("--keep-alive", "75"),
}


def measured(name: str, command: Command, *, connections: int, settle: float) -> dict[str, Any]:
    """Bytes of memory of one server, alone and with so many connections of one answer each.

    LaunchError where it does not start, or has closed some of them.
    """
    with Server(command) as server, ExitStack() as stack:
        with ExitStack() as warm_up:  # what the first connections alone need is there then
            _open(warm_up, server.address, min(256, connections))
        time.sleep(settle)
        alone = _memory(server)
        opened = _open(stack, server.address, connections)
        time.sleep(settle)
        crowded = _memory(server)
        if closed := sum(map(_is_closed, opened)):
            raise LaunchError(f"{name} has closed {closed} of {connections} connections")
    return {
        "peer": name,
        "version": _version(command),
        "connections": connections,
        "alone": alone,
        "crowded": crowded,
        "bytes_per_connection": {
            kind: round((crowded[kind] - alone[kind]) / connections) for kind in alone
        },
    }


def all_measured(
    names: Sequence[str] = NAMES, *, connections: int = 2000, settle: float = 7.0
) -> list[dict[str, Any]]:
    """Each in turn; one that could not be measured with the reason."""
    found = []
    for name in names:
        try:
            command = launched(name, app=application(PEERS[name], WORKLOADS["hello"]), workers=1)
            command = replace(command, words=(*command.words, *_PATIENCE.get(name, ())))
            found.append(measured(name, command, connections=connections, settle=settle))
        except (LaunchError, OSError) as error:
            found.append({"peer": name, "failed": in_words(error)})
    return found


def _version(command: Command) -> str:
    return str(command.facts.get("version", ""))


def _memory(server: Server) -> dict[str, int]:
    found = memory(server.pid)
    return {"uss": found.uss, "pss": found.pss}


def _open(stack: ExitStack, address: tuple[str, int], count: int) -> list[socket.socket]:
    opened = []
    for _ in range(count):
        sock = stack.enter_context(socket.create_connection(address, 10))
        sock.sendall(_REQUEST)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(work.HELLO):
            more = sock.recv(65536)
            if not more:
                raise LaunchError(f"a wrong answer: {answer!r}")
            answer += more
        opened.append(sock)
    return opened


def _is_closed(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        sock.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
