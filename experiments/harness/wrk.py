"""The closed-loop load generator wrk: how to run it, and what it prints."""

import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from experiments.harness import cpus, metrics
from experiments.harness.load import Outcome
from experiments.harness.metrics import Metric
from experiments.harness.paths import REPOSITORY

_GRACE = 20.0  # seconds beyond the asked duration: wrk ends within three on a loaded machine

_TIMEOUT = 2  # seconds, wrk's own

_MISSING = "wrk is not installed: on Debian and Ubuntu, apt-get install wrk"

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}

_TOTAL = re.compile(r"^ *(\d+) requests in ([\d.]+)([a-z]+), ([\d.]+)([KMGT]?)B read$", re.M)
_LATENCY = re.compile(r"^ *Latency +([\d.]+)([a-z]+) +([\d.]+)([a-z]+) +([\d.]+)([a-z]+) ", re.M)
_PERCENTILE = re.compile(r"^ +(\d+)% +([\d.]+)([a-z]+)$", re.M)
_RATE = re.compile(r"^Requests/sec: +([\d.]+)$", re.M)
_SOCKET = re.compile(
    r"^ *Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$", re.M
)
_STATUS = re.compile(r"^ *Non-2xx or 3xx responses: (\d+)$", re.M)


class WrkError(Exception):
    """wrk is missing, ended badly, or printed what cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrk:
    """A closed loop: each connection sends its next request when the last one is answered.

    Attributes:
      threads: of the client; 0: one for each CPU of its own, and a single one where it has none.
      script: Lua, with its arguments.
      seeded: whether the script's last argument is to be another number each time.
      percentiles: whether to report them. Of a closed loop they say nothing about other loads.
      sized: whether every response is as long as the one that was checked before.
      timeout: seconds after which a request counts as failed.
    """

    connections: int = 256
    threads: int = 1
    path: str = "/"
    script: Path | None = None
    arguments: tuple[str, ...] = ()
    seeded: bool = False
    percentiles: bool = False
    sized: bool = True
    timeout: int = _TIMEOUT

    def describe(self, seconds: int) -> str:
        """The command, for people."""
        number = ("SEED",) if self.seeded else ()
        return " ".join(self._command("URL", seconds, self.threads or "CPUS", number))

    def client(self) -> str:
        """What wrk calls itself; WrkError, saying how to get it, where it is missing."""
        return version()

    def run(self, url: str, *, seconds: int, number: int, client: frozenset[int] | None) -> Outcome:
        """Put the load on `url`; WrkError if wrk ends badly or not in time."""
        threads = self.threads or (len(client) if client else 1)
        seed = (str(number),) if self.seeded else ()
        before = _children_cpu()
        output = _run(self._command(url, seconds, threads, seed), seconds, client)
        report = parse(output)
        return Outcome(
            requests=report.requests,
            seconds=report.seconds,
            bytes_read=report.bytes_read if self.sized else None,
            client_cpu=_children_cpu() - before,
            client_threads=threads,
            figures=report.figures(),
            faults=report.faults,
        )

    def _command(
        self, url: str, seconds: int, threads: int | str, seed: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The arguments of wrk, in the order of the 2015 command."""
        plain: tuple[str, ...] = (f"-t{threads}", f"-c{self.connections}", f"-d{seconds}s")
        if self.timeout != _TIMEOUT:
            plain += (f"--timeout={self.timeout}s",)
        if self.percentiles:
            plain += ("--latency",)
        if self.script is None:
            return ("wrk", *plain, url + self.path)
        script = str(self.script.relative_to(REPOSITORY))
        words = ("wrk", *plain, "-s", script, url + self.path)
        arguments = (*self.arguments, *seed)
        return (*words, "--", *arguments) if arguments else words


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What wrk saw. Times in seconds; bytes to the three or so digits that wrk prints."""

    requests: int
    seconds: float
    bytes_read: float
    requests_per_second: float
    latency_mean: float
    latency_stdev: float
    latency_max: float
    percentiles: tuple[tuple[float, float], ...] = ()
    connect_errors: int = 0
    read_errors: int = 0
    write_errors: int = 0
    timeouts: int = 0
    bad_statuses: int = 0

    def figures(self) -> dict[Metric, float]:
        """What it says beyond the number of requests."""
        named = {50.0: metrics.P50, 90.0: metrics.P90, 99.0: metrics.P99}
        return {
            metrics.LATENCY_MEAN: self.latency_mean,
            metrics.LATENCY_MAX: self.latency_max,
            **{named[percent]: value for percent, value in self.percentiles if percent in named},
        }

    @property
    def faults(self) -> str:
        """What went wrong, for people: empty when every request got its answer."""
        counts = {
            "connect errors": self.connect_errors,
            "read errors": self.read_errors,
            "write errors": self.write_errors,
            "timeouts": self.timeouts,
            "statuses of 400 or more": self.bad_statuses,
        }
        found = [f"{count} {name}" for name, count in counts.items() if count]
        if not self.requests:
            found.append("no request completed")
        return ", ".join(found)


def parse(output: str) -> Report:
    """Read what wrk printed; WrkError if the essential lines are not there."""
    total, latency, rate = (p.search(output) for p in (_TOTAL, _LATENCY, _RATE))
    if not total or not latency or not rate:
        raise WrkError(f"cannot understand wrk's output: {output!r}")
    sockets = _SOCKET.search(output)
    connect, read, write, timeout = map(int, sockets.groups()) if sockets else (0, 0, 0, 0)
    statuses = _STATUS.search(output)
    values = latency.groups()
    mean, stdev, longest = (
        float(number) * _SECONDS[unit]
        for number, unit in zip(values[::2], values[1::2], strict=True)
    )
    return Report(
        requests=int(total[1]),
        seconds=float(total[2]) * _SECONDS[total[3]],
        bytes_read=float(total[4]) * _BYTES[total[5]],
        requests_per_second=float(rate[1]),
        latency_mean=mean,
        latency_stdev=stdev,
        latency_max=longest,
        percentiles=tuple(
            (float(percent), float(number) * _SECONDS[unit])
            for percent, number, unit in _PERCENTILE.findall(output)
        ),
        connect_errors=connect,
        read_errors=read,
        write_errors=write,
        timeouts=timeout,
        bad_statuses=int(statuses[1]) if statuses else 0,
    )


def version() -> str:
    """What wrk calls itself; WrkError, saying how to get it, where it is missing."""
    try:
        # It exits with 1 after printing its version and usage.
        shown = subprocess.run(("wrk", "--version"), capture_output=True, text=True, timeout=10)
    except FileNotFoundError as error:
        raise WrkError(_MISSING) from error
    return shown.stdout.partition("[")[0].strip()


def _run(words: tuple[str, ...], seconds: int, client: frozenset[int] | None) -> str:
    """What wrk prints; WrkError if it ends badly or not in time."""
    with (
        cpus.pinned(client),
        subprocess.Popen(
            words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        try:
            output, _ = process.communicate(timeout=seconds + _GRACE)
        except subprocess.TimeoutExpired as error:
            raise WrkError(f"wrk did not end {_GRACE:.0f} s after its time") from error
        finally:
            process.kill()  # does nothing where it has ended
    if process.returncode != 0:
        raise WrkError(f"wrk ended with status {process.returncode}: {output.strip()}")
    return output


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
