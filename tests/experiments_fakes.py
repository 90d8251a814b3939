"""Servers and a client that fail or answer on command, for the tests of the experiments."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.harness import metrics, tables
from experiments.harness import study as study_
from experiments.harness.configuration import Configuration, Timing
from experiments.harness.cpus import split
from experiments.harness.data import Data
from experiments.harness.launch import Launch, Series
from experiments.harness.metrics import Metric
from experiments.harness.server import Command
from experiments.harness.study import Study
from experiments.harness.wrk import Wrk

# Answers every head with the same bytes until SIGTERM; then writes the heads to a file, if asked.
_SERVER = """
import asyncio, signal, sys

ANSWER = sys.argv[1].encode("latin-1")
heard = []

class Protocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        *heads, self.data = (self.data + data).split(b"\\r\\n\\r\\n")
        heard.extend(heads)
        self.transport.write(ANSWER * len(heads))

async def main():
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    port = server.sockets[0].getsockname()[1]
    print(f"fake: ready http://127.0.0.1:{port} mode=fake gil=on", file=sys.stderr, flush=True)
    await ended.wait()

asyncio.run(main())
if len(sys.argv) > 2:
    with open(sys.argv[2], "wb") as file:
        file.write(b"\\r\\n\\r\\n".join(heard))
"""

HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"

# In place of wrk: a few requests one after the other, then what wrk prints, with its counts.
CLIENT = """
import socket, sys
from urllib.parse import urlsplit

if sys.argv[1:] == ["--version"]:
    print("wrk stand-in [epoll] Copyright")
    sys.exit(1)
url = next(urlsplit(word) for word in sys.argv if word.startswith("http://"))
requests = read = 0
with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
    for number in range(200):
        connection.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        data = b""
        while not data.endswith(b"Hello, world!"):
            data += connection.recv(65536)
        requests, read = requests + 1, read + len(data)
print("  Thread Stats   Avg      Stdev     Max   +/- Stdev")
print("    Latency     1.01ms  291.79us   3.63ms   80.21%")
if "--latency" in sys.argv:
    print("  Latency Distribution")
    print("     50%    1.00ms")
    print("     90%    2.00ms")
    print("     99%    3.00ms")
print(f"  {requests} requests in 1.00s, {read / 1024:.2f}KB read")
print("Requests/sec:    200.00")
"""


def answering(response: str = HELLO, *, heads: str = "") -> tuple[str, ...]:
    """The command of a server that gives this response to every request.

    When it ends, the heads of the requests go into the file `heads`.
    """
    return (sys.executable, "-c", _SERVER, response, *((heads,) if heads else ()))


def running(code: str) -> tuple[str, ...]:
    """The command that runs some Python."""
    return (sys.executable, "-c", code)


def configuration(label: str, response: str = HELLO, **more: Any) -> Configuration:
    """A configuration of a server that gives this response to every request."""
    return Configuration(
        label=label,
        command=lambda _: Command(words=answering(response), facts={"python_version": "3.99"}),
        load=Wrk(connections=4),
        **more,
    )


def study(*configurations: Configuration, **more: Any) -> Study:
    """A study of these configurations, of short launches."""
    about: dict[str, Any] = {
        "name": "trial",
        "title": "A trial",
        "question": "Is it right?",
        "configurations": lambda _: list(configurations),
        "answer": lambda data: f"It has {len(data.labels)} configurations.",
        "tables": lambda data: {"Everything": tables.overview(data, (metrics.RATE, metrics.CPU))},
        "timing": Timing(warm_up=1, values=2, seconds=1),
        "rounds": 3,
    }
    return Study(**(about | more))


def recorded(
    each: Study,
    value: Callable[[str, int], float | str | None],
    *measured: Metric,
    rounds: int = 3,
    **settings: Any,
) -> Data:
    """What a run of a study would have recorded without running it.

    Args:
      value: of a label in a round, as it is stored; text is a failure, None no launch.
      measured: what has this value; CPU where none is named.
    """
    found = {**each.defaults(), "seed": 1, **settings, "rounds": rounds}
    recording = study_.begin(each, found, split())
    load: dict[str, str | int | float] = {"load_avg_1min": 0.1, "load_avg_1min_after": 0.2}
    turns = study_.plan(list(recording.configurations), rounds=rounds, seed=1)
    for number, (round_, label) in enumerate(turns):
        stored = value(label, round_)
        if stored is None:
            continue
        launch = Launch(number=number, label=label, round=round_, metadata=dict(load))
        if isinstance(stored, str):
            launch.failure = stored
        else:
            for metric in measured or (metrics.CPU,):
                launch.series[metric.name] = Series(metric.unit, [stored])
        recording.launches.append(launch)
    return Data(recording)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the client that stands in for wrk, in `folder`, on the path."""
    folder.mkdir()
    client = folder / "wrk"
    client.write_text(f"#!{sys.executable}\n{CLIENT}")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
