"""A server's one worker that has work done in isolates: how much of it, and who waits for it."""

import sys
import threading
from collections.abc import Callable

from experiments.harness.server import Command, Server, subsrv
from subsrv.bench import client
from subsrv.bench.load import Load
from subsrv.bench.requests import Request

CALLS = "work for a server's one worker"
BESIDE = "p99 of a hello beside it"

_APP = "experiments.apps.offload:app"
#: Requests for work that are under way at a time; hellos a second, by how many connections.
_WORKING, _RATE, _HELLOS = 4, 200.0, 4
_TIMEOUT = 60.0  # seconds


def calls(isolates: int) -> Callable[[int], float]:
    """Seconds for each piece of work, with so many isolates; 0: none but the worker."""

    def case(count: int) -> float:
        with _serving(isolates) as server:
            _worked(server, Load(requests=_WORK, connections=_WORKING, count=4 * (isolates or 1)))
            return _worked(
                server,
                Load(requests=_WORK, connections=_WORKING, count=count, duration=_TIMEOUT),
            )

    return case


def beside(isolates: int | None, *, nice: int = 0) -> Callable[[int], float]:
    """The 99th percentile of hello in seconds, by a client that waits for nobody."""

    def case(count: int) -> float:
        with _serving(isolates or 0, nice) as server:
            seconds = count / _RATE
            work = threading.Thread(
                target=_worked,
                args=(
                    server,
                    Load(requests=_WORK, connections=_WORKING, duration=seconds + 1.0),
                ),
            )
            if isolates is not None:
                work.start()
            load = Load(connections=_HELLOS, duration=seconds, rate=_RATE)
            report = client.run(server.url, load)
            if isolates is not None:
                work.join()
            if report.faults:
                raise RuntimeError(f"{report.faults}: {report.examples}")
            return report.latency_us["p99"] / 1e6

    return case


_WORK = (Request(path="/work"),)


def _serving(isolates: int, nice: int = 0) -> Server:
    words = subsrv(sys.executable, _APP, mode="interp", workers=1)
    return Server(Command(words=words, env={"OFFLOAD": str(isolates), "NICE": str(nice)}))


def _worked(server: Server, load: Load) -> float:
    report = client.run(server.url, load)
    if report.faults:
        raise RuntimeError(f"{report.faults}: {report.examples}")
    return report.seconds / report.answered
