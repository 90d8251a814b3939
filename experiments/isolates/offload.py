"""A server's one worker that has work done in isolates: how much of it, and who waits for it.

    python -m experiments.isolates.offload URL SECONDS

keeps it at work for so long: apart from whoever times the others, for in one process the two
clients would wait for each other.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from experiments.harness.paths import REPOSITORY
from experiments.harness.server import Command, Server, subsrv
from subsrv.bench import client
from subsrv.bench.load import Load
from subsrv.bench.requests import Request

CALLS = "work for a server's one worker"
BESIDE = "p99 of a hello beside it"

#: Of isolates that leave the CPUs to whoever else wants them: as nice(1).
LOW = 19

_APP = "experiments.apps.offload:app"
#: Requests for work that are under way at a time; hellos a second, by how many connections.
_WORKING, _RATE, _HELLOS = 4, 200.0, 4
_TIMEOUT = 60.0  # seconds
_WORK = (Request(path="/work"),)


def calls(isolates: int, *, nice: int = 0) -> Callable[[int], float]:
    """Seconds for each piece of work, with so many isolates; 0: none but the worker."""

    def case(count: int) -> float:
        with _serving(isolates, nice) as server:
            _warm(server.url)
            return _worked(server.url, count=count, duration=_TIMEOUT)

    return case


def beside(isolates: int | None, *, nice: int = 0) -> Callable[[int], float]:
    """The 99th percentile of hello in seconds, by a client that waits for nobody."""

    def case(count: int) -> float:
        seconds = count / _RATE
        load = Load(connections=_HELLOS, duration=seconds, rate=_RATE)
        with _serving(isolates or 0, nice) as server:
            if isolates is None:
                report = client.run(server.url, load)
            else:
                with _working(server.url, seconds + 1.0):
                    report = client.run(server.url, load)
            if report.faults:
                raise RuntimeError(f"{report.faults}: {report.examples}")
            return report.latency_us["p99"] / 1e6

    return case


def main() -> None:
    """Keep a server at work; one line tells when it is."""
    url, seconds = sys.argv[1:]
    _warm(url)
    print("it works", flush=True)
    _worked(url, duration=float(seconds))


@contextmanager
def _working(url: str, seconds: float) -> Iterator[None]:
    """Lasts for at least so long, and ends when the work has."""
    words = [sys.executable, "-m", "experiments.isolates.offload", url, str(seconds)]
    with subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        if not other.stdout.readline():
            raise RuntimeError("nobody works")
        yield
    if other.returncode:
        raise RuntimeError(f"who works ended with status {other.returncode}")


def _serving(isolates: int, nice: int) -> Server:
    words = subsrv(sys.executable, _APP, mode="interp", workers=1)
    command = Command(words=words, env={"OFFLOAD": str(isolates), "NICE": str(nice)})
    # Linux shares CPUs out among sessions first (sched(7), autogroup): with one for the server, its
    # clients would wait for isolates of whatever priority, and that is not what is asked here.
    return Server(command, own_session=False)


def _warm(url: str) -> None:
    """Start all isolates, and what each of them compiles first."""
    _worked(url, count=4 * _WORKING)


def _worked(url: str, *, count: int | None = None, duration: float = _TIMEOUT) -> float:
    load = Load(requests=_WORK, connections=_WORKING, count=count, duration=duration)
    report = client.run(url, load)
    if report.faults:
        raise RuntimeError(f"{report.faults}: {report.examples}")
    return report.seconds / report.answered


if __name__ == "__main__":
    main()
