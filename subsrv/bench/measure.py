"""One run: a server launched, loaded, measured and stopped."""

import math
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from subsrv.bench import client, processes, wrk
from subsrv.bench.client import SATURATED
from subsrv.bench.launch import Server
from subsrv.bench.load import Check, Load
from subsrv.bench.machine import pinned
from subsrv.bench.requests import Request
from subsrv.errors import SubsrvError

# Seconds of load before anything is measured: imports on demand, caches, connections.
_WARM_UP = 0.5


class RunError(SubsrvError):
    """Requests failed: the run measures nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What is sent, and by whom; `rate` of None measures no latency."""

    requests: Sequence[Request]
    check: Check
    connections: int
    duration: float
    rate: float | None
    use_wrk: bool
    cpus: Collection[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one run measured.

    Attributes:
      requests_per_second: in closed loop.
      cpu_us: microseconds of user and system time, of all its processes, for each request of it.
      p50_us, p99_us: at the fixed rate, from when a request was due.
      pss_kib: for each worker, its share of what all have in common included.
      ready_s: from launch to ready.
      client_share: the part of one CPU that the client used in the closed loop.
      late: the client itself sent late in the open loop.
    """

    requests_per_second: float
    cpu_us: float
    p50_us: float
    p99_us: float
    pss_kib: float
    ready_s: float
    client_share: float
    late: bool

    @property
    def saturated(self) -> bool:
        """Whether the client, not the server, set the requests per second."""
        return self.client_share >= SATURATED


def measure(server: Server, workers: int, traffic: Traffic) -> tuple[Figures, dict[str, Any]]:
    """Measure a running server; also returns the full reports. RunError for any failed request."""
    with pinned(traffic.cpus):
        _load(server, traffic, duration=min(_WARM_UP, traffic.duration))
        rate, cpu, share, closed = capacity(server, traffic)
        processes.await_idle(server.pid)
        opened = _load(server, traffic, duration=traffic.duration, rate=traffic.rate)
    figures = Figures(
        requests_per_second=rate,
        cpu_us=cpu,
        p50_us=opened.latency_us["p50"],
        p99_us=opened.latency_us["p99"],
        # Once all is warm; summed over the tree, the supervisor and what it shares included.
        pss_kib=processes.memory(server.pid).pss / 1024 / workers,
        ready_s=server.seconds_to_ready,
        client_share=share,
        late=opened.late,
    )
    return figures, {"closed": closed, "open": asdict(opened), "ready": server.ready}


def check(server: Server, traffic: Traffic) -> None:
    """See that each request is answered, twice and on one connection. RunError if it is not."""
    with pinned(traffic.cpus):
        load = Load(
            requests=traffic.requests,
            connections=1,
            duration=60.0,
            check=traffic.check,
            count=2 * len(traffic.requests),
        )
        _approve(client.run(server.url, load))


def capacity(server: Server, traffic: Traffic) -> tuple[float, float, float, dict[str, Any]]:
    """Requests per second, CPU microseconds a request, client's share, and the whole report."""
    before = processes.tree_cpu(server.pid)
    if traffic.use_wrk:
        report, output, client_cpu = _wrk(server.url, traffic)
        used = processes.tree_cpu(server.pid) - before
        count, seconds = report.requests, report.seconds
        record = {"client": "wrk", **asdict(report), "output": output}
    else:
        answers = _load(server, traffic, duration=traffic.duration)
        used = processes.tree_cpu(server.pid) - before
        count, seconds, client_cpu = answers.answered, answers.seconds, answers.client_cpu
        record = {"client": "built-in", **asdict(answers)}
    share = client_cpu / seconds
    return count / seconds, used / count * 1e6, share, {**record, "server_cpu": used}


def _load(
    server: Server, traffic: Traffic, *, duration: float, rate: float | None = None
) -> client.Report:
    load = Load(
        requests=traffic.requests,
        connections=traffic.connections,
        duration=duration,
        rate=rate,
        check=traffic.check,
    )
    return _approve(client.run(server.url, load))


def _approve(report: client.Report) -> client.Report:
    if report.trouble:
        raise RunError(f"{report.trouble}, of {report.requests} requests")
    return report


def _wrk(url: str, traffic: Traffic) -> tuple[wrk.Report, str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requests.lua"
        path.write_text(wrk.script(traffic.requests, urlsplit(url).netloc))
        load = wrk.Load(
            duration=math.ceil(traffic.duration), connections=traffic.connections, script=path
        )
        output, cpu = wrk.run(load, url)
    report = wrk.parse(output)
    if report.faults:
        raise RunError(f"{report.faults}, of {report.requests} requests")
    return report, output, cpu
