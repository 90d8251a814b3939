"""A load on a running server, and what each side spent on it."""

from experiments.harness import metrics
from experiments.harness.load import Load, Outcome
from experiments.harness.metrics import Metric
from experiments.harness.server import Server
from subsrv.bench import processes

#: Above this share of its CPUs a client has no time left to wait for the server.
SATURATED = 0.95

# wrk rounds what it counts as read.
_BYTES_TOLERANCE = 0.02


class RoundError(Exception):
    """Requests failed, or their answers had the wrong size: nothing has been measured."""


def measure(
    server: Server,
    load: Load,
    *,
    seconds: int,
    number: int,
    workers: int,
    response_size: int | None,
    client: frozenset[int] | None = None,
) -> dict[Metric, float]:
    """Put a load on a server. RoundError on any error, bad status or answer of another size."""
    processes.await_idle(server.pid)
    threads_before = processes.thread_cpu(server.pid)
    switches_before = processes.context_switches(server.pid)
    before = processes.tree_cpu(server.pid)
    outcome = load.run(server.url, seconds=seconds, number=number, client=client)
    server_cpu = processes.tree_cpu(server.pid) - before
    switches = processes.context_switches(server.pid) - switches_before
    threads = processes.thread_cpu(server.pid)
    _check(outcome, response_size)
    found = {
        metrics.RATE: outcome.seconds / outcome.requests,
        metrics.CPU: server_cpu / outcome.requests,
        metrics.SERVER_CPUS: server_cpu / outcome.seconds,
        metrics.CLIENT: outcome.client_cpu / outcome.seconds / outcome.client_threads,
        metrics.SWITCHES: switches / outcome.requests,
        **outcome.figures,
    }
    if workers > 1:
        spent = (used - threads_before.get(name, 0.0) for name, used in threads.items())
        # A worker has one thread that works. The supervisor's does next to nothing.
        busiest = sorted(spent, reverse=True)[:workers]
        found[metrics.BUSIEST] = busiest[0] / sum(busiest)
    return found


def _check(outcome: Outcome, response_size: int | None) -> None:
    if outcome.faults:
        raise RoundError(f"{outcome.faults} in {outcome.requests} requests")
    if outcome.bytes_read is None or response_size is None:
        return
    size = outcome.bytes_read / outcome.requests
    most = 1 + _BYTES_TOLERANCE + outcome.partial / outcome.requests
    if not 1 - _BYTES_TOLERANCE <= size / response_size <= most:
        raise RoundError(f"responses of {size:.1f} bytes on average instead of {response_size}")
