"""What idle keep-alive connections cost: user memory, CPU while idle, and a busy client's latency.

    python -m experiments.idle [--connections 10000] [--mode interp] [--app MODULE:ATTRIBUTE]

Starts one worker, and measures it alone and with so many connections, each of which has had one
answer. Prints JSON: bytes of private memory (USS, PSS) for each connection, seconds of CPU a
second while nothing happens, and latency and CPU of one client's requests, without and with them.
"""

import argparse
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from experiments import idle_peers, report
from experiments.harness import cpus, environment, publish
from experiments.harness.paths import RESULTS

_REQUEST = b"GET / HTTP/1.1\r\nHost: idle\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n"
# Connections with which peers are looked at: some take hundreds of kilobytes for each.
_BESIDE_PEERS = 2000
# Descriptors beside the connections: standard streams, listeners, the worker's own.
_SPARE = 100


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--mode", default="interp")
    parser.add_argument("--app", default="experiments.apps.hello:asgi")
    parser.add_argument("--requests", type=int, default=5000, help="of the busy client, each time")
    parser.add_argument("--seconds", type=float, default=10.0, help="of watching it do nothing")
    parser.add_argument(
        "--settle",
        type=float,
        default=7.0,
        help="seconds for connections to give up what they keep for speed only",
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="measure every mode of a build with a GIL, and memory beside peers",
    )
    options = parser.parse_args(arguments)
    allow_descriptors(options.connections + _SPARE)
    if options.publish:
        about = environment.describe(cpus.split())
        runs = [measured(mode, options) for mode in ("interp", "thread", "process")]
        count = min(options.connections, _BESIDE_PEERS)
        peers = idle_peers.all_measured(connections=count, settle=options.settle)
        path = publish.new_file(RESULTS, "idle", about)
        path.write_text(json.dumps({"about": about, "runs": runs, "peers": peers}, indent=1) + "\n")
        report.main([])
        return
    json.dump(measured(options.mode, options), sys.stdout, indent=2)
    print()


def measured(mode: str, options: argparse.Namespace) -> dict[str, Any]:
    """One mode: alone, crowded, and what each connection takes."""
    with server(mode, options.app) as (pid, address), ExitStack() as stack:
        for _ in range(3):  # so that what the first connections alone need is there
            with ExitStack() as warm_up:
                open_connections(warm_up, address, 256)
        alone = observe(pid, address, options)
        open_connections(stack, address, options.connections)
        crowded = observe(pid, address, options)
    return {
        "python": platform.python_version(),
        "mode": mode,
        "app": options.app,
        "connections": options.connections,
        "load": os.getloadavg(),
        "alone": alone,
        "crowded": crowded,
        "bytes_per_connection": {
            kind: round((crowded[kind] - alone[kind]) / options.connections)
            for kind in ("uss", "pss")
        },
    }


def allow_descriptors(count: int) -> None:
    """Raise the soft limit, which the server inherits. SystemExit where the hard one forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise SystemExit(f"{count} descriptors are needed, and only {hard} allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


@contextmanager
def server(mode: str, app: str) -> Iterator[tuple[int, tuple[str, int]]]:
    """One worker, with connections that may idle for ever: the pid that serves, and its address."""
    command = [sys.executable, "-m", "subsrv", app, "--mode", mode, "--workers", "1"]
    flags = ["--bind", "127.0.0.1:0", "--timeout-keep-alive", "0", "--timeout-header", "0"]
    with subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            if "ready" not in line:
                raise SystemExit(line + process.stderr.read())
            port = int(line.split()[2].rpartition(":")[2])
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield (int(children) if mode == "process" else process.pid), ("127.0.0.1", port)
        finally:
            process.terminate()


def open_connections(stack: ExitStack, address: tuple[str, int], count: int) -> None:
    """Connections that have had one answer each."""
    for _ in range(count):
        request(stack.enter_context(socket.create_connection(address, 10)))


def request(sock: socket.socket) -> None:
    """One request, and its whole answer, which is small."""
    sock.sendall(_REQUEST)
    if not sock.recv(65536).startswith(b"HTTP/1.1 200"):
        raise SystemExit("a wrong answer")


def observe(pid: int, address: tuple[str, int], options: argparse.Namespace) -> dict[str, float]:
    """Memory, the cost of doing nothing, and of one client's requests."""
    time.sleep(options.settle)
    memory = {"uss": 0, "pss": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "Pss":
            memory["pss"] = int(rest.split()[0]) * 1024
        elif name.startswith("Private_"):
            memory["uss"] += int(rest.split()[0]) * 1024
    before = cpu(pid)
    time.sleep(options.seconds)
    idle = (cpu(pid) - before) / options.seconds
    times = []
    with socket.create_connection(address, 10) as sock:
        for _ in range(options.requests // 10):
            request(sock)
        before = cpu(pid)
        for _ in range(options.requests):
            start = time.perf_counter()
            request(sock)
            times.append(time.perf_counter() - start)
        busy = cpu(pid) - before
    cuts = statistics.quantiles(times, n=1000)
    return {
        **memory,
        "idle_cpu_share": idle,
        "cpu_us_per_request": busy / options.requests * 1e6,
        "latency_us_p50": cuts[499] * 1e6,
        "latency_us_p99": cuts[989] * 1e6,
        "latency_us_max": max(times) * 1e6,
    }


def cpu(pid: int) -> float:
    """Seconds of CPU that the process has used, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


if __name__ == "__main__":
    main()
