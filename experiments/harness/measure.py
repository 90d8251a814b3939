"""One round: a load on a running server, and what each side spent on it."""

import os
import time
from dataclasses import asdict, dataclass
from typing import Any

from experiments.harness import processes, wrk
from experiments.harness.server import Server

# Above this share of one CPU a single-threaded client has no time left to wait for the server.
SATURATED = 0.95

# Between what wrk counts as read and what the completed requests need lie the responses under way
# at the end, and wrk's rounding.
_BYTES_TOLERANCE = 0.02


# A server that used less of a CPU than this for a moment is idle; one that never is goes on anyway.
_IDLE_SHARE = 0.02
_IDLE_MOMENT = 0.1  # seconds
_IDLE_PATIENCE = 5.0


class RoundError(Exception):
    """Requests failed, or their answers were too short: the round measures nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round measured. CPU times in seconds, of all threads and processes of a side."""

    report: wrk.Report
    output: str
    server_cpu: float
    client_cpu: float
    #: Seconds on the CPU of the server's threads that ran at all, the busiest first.
    thread_cpu: tuple[float, ...]
    load_before: float
    load_after: float

    @property
    def cpu_per_request(self) -> float:
        """User and system microseconds that the server spent on one completed request."""
        return self.server_cpu / self.report.requests * 1e6

    @property
    def client_share(self) -> float:
        """The part of one CPU that the client used."""
        return self.client_cpu / self.report.seconds

    @property
    def server_share(self) -> float:
        """The part of one CPU that the server used; above 1 for several."""
        return self.server_cpu / self.report.seconds

    def record(self) -> dict[str, Any]:
        """The round as it goes into a results file, derived figures included."""
        return {
            **asdict(self),
            "cpu_per_request_us": self.cpu_per_request,
            "client_share": self.client_share,
            "server_share": self.server_share,
        }


def measure(server: Server, load: wrk.Load, *, response_size: int) -> Round:
    """Run wrk against a server. RoundError on any error, bad status or answer of another size."""
    _await_idle(server.pid)
    load_before = os.getloadavg()[0]
    threads_before = processes.thread_cpu(server.pid)
    before = processes.tree_cpu(server.pid)
    output, client_cpu = wrk.run(load, server.url)
    server_cpu = processes.tree_cpu(server.pid) - before
    threads = processes.thread_cpu(server.pid)
    report = wrk.parse(output)
    if report.faults:
        raise RoundError(f"{report.faults} in {report.requests} requests")
    size = report.bytes_read / report.requests
    if abs(size / response_size - 1) > _BYTES_TOLERANCE:
        raise RoundError(f"responses of {size:.1f} bytes on average instead of {response_size}")
    spent = (seconds - threads_before.get(name, 0.0) for name, seconds in threads.items())
    return Round(
        report=report,
        output=output,
        server_cpu=server_cpu,
        client_cpu=client_cpu,
        thread_cpu=tuple(sorted((each for each in spent if each > 0), reverse=True)),
        load_before=load_before,
        load_after=os.getloadavg()[0],
    )


def _await_idle(root: int) -> None:
    """Wait until a server is done with what the last load left.

    Otherwise a worker with a backlog would leave the new connections, for good, to the others.
    """
    deadline = time.monotonic() + _IDLE_PATIENCE
    used = _IDLE_MOMENT
    while used > _IDLE_SHARE * _IDLE_MOMENT and time.monotonic() < deadline:
        before = processes.tree_cpu(root)
        time.sleep(_IDLE_MOMENT)
        used = processes.tree_cpu(root) - before
