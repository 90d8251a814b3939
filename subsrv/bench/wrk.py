"""The closed-loop load generator wrk: how to run it, and what it prints."""

import re
import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from subsrv.bench.requests import Request
from subsrv.errors import SubsrvError

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


class WrkError(SubsrvError):
    """wrk is missing, ended badly, or printed what cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One closed loop: each connection sends its next request when the last one is answered.

    Attributes:
      duration: whole seconds.
      script: Lua, with its arguments.
      timeout: seconds after which a request counts as failed.
      percentiles: whether to report them. Of a closed loop they say nothing about other loads.
    """

    duration: int
    connections: int = 256
    threads: int = 1
    path: str = "/"
    script: Path | None = None
    arguments: tuple[str, ...] = ()
    timeout: int = _TIMEOUT
    percentiles: bool = False

    def command(self, url: str) -> tuple[str, ...]:
        """The arguments of wrk, in the order of the 2015 command."""
        words = ["wrk", f"-t{self.threads}", f"-c{self.connections}", f"-d{self.duration}s"]
        if self.timeout != _TIMEOUT:
            words.append(f"--timeout={self.timeout}s")
        if self.percentiles:
            words.append("--latency")
        if self.script is not None:
            words += ("-s", str(self.script))
        words.append(url + self.path)
        if self.arguments:
            words += ("--", *self.arguments)
        return tuple(words)


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


def installed() -> bool:
    """Whether there is one on the path."""
    return shutil.which("wrk") is not None


def version() -> str:
    """What wrk calls itself; WrkError, saying how to get it, where it is missing."""
    try:
        # It exits with 1 after printing its version and usage.
        shown = subprocess.run(("wrk", "--version"), capture_output=True, text=True, timeout=10)
    except FileNotFoundError as error:
        raise WrkError(_MISSING) from error
    return shown.stdout.partition("[")[0].strip()


def script(requests: Sequence[Request], host: str) -> str:
    """A Lua script by which wrk sends these requests in turn."""
    texts = ("".join(f"\\{byte:03d}" for byte in each.encode(host)) for each in requests)
    listed = ",\n".join(f'  "{text}"' for text in texts)
    return (
        f"local requests = {{\n{listed}\n}}\nlocal turn = 0\n"
        "function request()\n  turn = turn % #requests + 1\n  return requests[turn]\nend\n"
    )


def run(load: Load, url: str, *, cwd: Path | None = None) -> tuple[str, float]:
    """Put a load on `url`; returns wrk's output and the CPU seconds that wrk itself used.

    WrkError if it ends badly or not in time.
    """
    before = _children_cpu()
    with subprocess.Popen(
        load.command(url),
        cwd=cwd,
        start_new_session=True,  # Ctrl-C is for the caller, who ends this
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as client:
        try:
            output, _ = client.communicate(timeout=load.duration + _GRACE)
        except subprocess.TimeoutExpired as error:
            raise WrkError(f"wrk did not end {_GRACE:.0f} s after its time") from error
        finally:
            client.kill()  # does nothing where it has ended
    if client.returncode != 0:
        raise WrkError(f"wrk ended with status {client.returncode}: {output.strip()}")
    return output, _children_cpu() - before


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
