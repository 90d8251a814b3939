"""The load client, in a process of its own: it never shares a GIL with the server it measures.

``python -m subsrv.bench.client URL --rate 2000 --connections 64 --duration 10 --json``
"""

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self
from urllib.parse import urlsplit

from subsrv.bench import requests
from subsrv.bench.engine import Engine
from subsrv.bench.load import Check, Load, LoadError, Result
from subsrv.bench.options import Parser, count, seconds
from subsrv.bench.requests import Request
from subsrv.errors import ConfigError, SubsrvError

# Above this share of one CPU the client has no time left to wait for the server.
SATURATED = 0.95
# The client was late by its own fault when the 99th percentile of its lag is above this many
# microseconds and also above this share of the latency's.
_LATE_US = 500.0
_LATE_SHARE = 0.1

_GRACE = 20.0  # seconds for the process to start, connect and report
_INTERRUPTED = 130

_EPILOG = """\
Without --rate the loop is closed: each connection sends its next request when
it has its answer. With --rate it is open: requests are due at that rate and
timed from when they were due, waiting for a free connection included.

A FILE of requests has one a line, GET /path or a JSON object with any of method,
path, headers, body and, of the answer, status, length and answer (its body). They
are sent in turn.

Exit status: 0; 1 if a request failed; 2 for a bad option.
"""


def late(lag_us: float, latency_us: float) -> bool:
    """Whether the 99th percentile of the client's lag is a good part of that of the latency."""
    return lag_us > max(_LATE_US, _LATE_SHARE * latency_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one load measured; latencies and lag in microseconds by name of the percentile.

    Attributes:
      mode: "open" or "closed".
      requests: those begun.
      answered: those answered rightly.
      seconds: from the first request to the end.
      rate: right answers a second.
      asked_rate: None in closed loop.
      faults: how many requests or connections failed, by kind.
      lag_us: how late the client sent by its own fault; open loop only.
      histogram: of latencies: upper bound in microseconds, count.
      client_share: the part of one CPU that the client used.
      saturated: the client had no CPU left: it, not the server, set the rate or the latency.
      late: the client's own lag is a good part of the latency.
    """

    mode: str
    connections: int
    requests: int
    answered: int
    seconds: float
    rate: float
    asked_rate: float | None
    faults: dict[str, int]
    examples: list[str]
    latency_us: dict[str, float]
    lag_us: dict[str, float]
    histogram: list[tuple[float, int]]
    bytes_read: int
    client_cpu: float
    client_share: float
    saturated: bool
    late: bool
    interrupted: bool

    @classmethod
    def of(cls, load: Load, result: Result) -> Self:
        """Make it of what the engine returned."""
        latency, lag = result.latencies.summary(), result.lag.summary()
        share = result.cpu / result.seconds
        return cls(
            mode="closed" if load.rate is None else "open",
            connections=load.connections,
            requests=result.sent,
            answered=result.answered,
            seconds=result.seconds,
            rate=result.answered / result.seconds,
            asked_rate=load.rate,
            faults=dict(sorted(result.faults.items())),
            examples=result.examples,
            latency_us=latency,
            lag_us=lag,
            histogram=result.latencies.histogram(),
            bytes_read=result.bytes_read,
            client_cpu=result.cpu,
            client_share=share,
            saturated=share >= SATURATED,
            late=bool(lag) and late(lag["p99"], latency.get("p99", 0.0)),
            interrupted=result.interrupted,
        )

    @property
    def trouble(self) -> str:
        """What went wrong, for people: empty when every request got its answer."""
        found = [f"{count} x {kind}" for kind, count in self.faults.items()]
        if not self.answered:
            found.append("no request answered")
        if self.examples:
            found[-1] += f" ({'; '.join(self.examples)})"
        return ", ".join(found)

    def text(self) -> str:
        """It for people, over several lines."""
        asked = f" of {self.asked_rate:,.0f} asked" if self.asked_rate is not None else ""
        lines = [
            f"{self.mode} loop, {self.connections} connections, {self.seconds:.2f} s",
            f"answers     {self.answered:,} of {self.requests:,} requests, "
            f"{self.rate:,.0f}/s{asked}, {self.bytes_read:,} bytes",
            f"latency µs  {_row(self.latency_us)}",
        ]
        if self.lag_us:
            lines.append(f"send lag µs {_row(self.lag_us)}")
        lines.append(f"client CPU  {self.client_share:.0%} of one")
        if self.trouble:
            lines.append(f"FAILED      {self.trouble}")
        if self.saturated:
            lines.append("note: the client had no CPU left, so this measures the client")
        if self.late:
            lines.append("note: the client itself sent late, so latencies are too high")
        if self.interrupted:
            lines.append("note: interrupted")
        return "\n".join(lines)


def _row(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:,.0f}" for name, value in figures.items()) or "-"


def address(url: str) -> tuple[str, int]:
    """Host and port of http://HOST:PORT. ConfigError for anything else."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname:
            return parts.hostname, parts.port or 80
    except ValueError:
        pass
    raise ConfigError(f"URL must be http://HOST:PORT[/path], not {url!r}")


def run(url: str, load: Load) -> Report:
    """Put a load on `url` from a process of its own; LoadError if that does not report."""
    command = [sys.executable, "-m", "subsrv.bench.client", url, "--json", "--requests", "-"]
    command += ["--connections", str(load.connections), "--duration", str(load.duration)]
    command += ["--timeout", str(load.timeout), "--check", load.check.value]
    if load.rate is not None:
        command += ["--rate", str(load.rate)]
    if load.count is not None:
        command += ["--count", str(load.count)]
    lines = "\n".join(each.line() for each in load.requests)
    patience = load.duration + 2 * load.timeout + _GRACE
    try:
        done = subprocess.run(
            command,
            input=lines,
            capture_output=True,
            text=True,
            timeout=patience,
            process_group=0,  # Ctrl-C is for the caller, who ends this
        )
    except subprocess.TimeoutExpired:
        raise LoadError(f"the client did not end in {patience:.0f} s") from None
    if not done.stdout:
        raise LoadError(f"the client ended with {done.returncode}: {done.stderr.strip()}")
    return loads(done.stdout)


def loads(text: str) -> Report:
    """Read what `--json` has printed."""
    fields = json.loads(text)
    fields["histogram"] = [(bound, count) for bound, count in fields["histogram"]]
    return Report(**fields)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m subsrv.bench.client",
        description="Put a load on an HTTP/1.1 server and time its answers.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("url", metavar="URL", help="http://HOST:PORT[/path]")
    add("--requests", metavar="FILE", help="what to send, see below; - is standard input")
    add("--rate", type=seconds, help="requests a second (default: closed loop)")
    add("--connections", type=count, default=64, metavar="N", help="(default: 64)")
    add("--duration", type=seconds, default=10.0, metavar="SECONDS", help="(default: 10)")
    add("--count", type=count, metavar="N", help="end after so many requests")
    add("--timeout", type=seconds, default=10.0, metavar="SECONDS", help="(default: 10)")
    add(
        "--check",
        choices=[each.value for each in Check],
        default=Check.LENGTH.value,
        help="what must be the same in all answers to a request; status: any 2xx (default: length)",
    )
    add("--json", action="store_true", help="print everything as one JSON object")
    return parser.parse_args(argv)


def _read_requests(options: argparse.Namespace) -> Sequence[Request]:
    if options.requests is None:
        parts = urlsplit(options.url)
        return (Request(path=(parts.path or "/") + (f"?{parts.query}" if parts.query else "")),)
    if options.requests == "-":
        return requests.read(sys.stdin, "standard input")
    return requests.read_file(options.requests)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the client; its exit status."""
    try:
        options = _options(argv)
        target = address(options.url)
        load = Load(
            requests=_read_requests(options),
            connections=options.connections,
            duration=options.duration,
            rate=options.rate,
            timeout=options.timeout,
            check=Check(options.check),
            count=options.count,
        )
        engine = Engine(load, target)
        # The loop makes no reference cycles, and a collection would be a stall of the client's own.
        gc.disable()
        report = Report.of(load, engine.run())
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        print(f"subsrv.bench.client: error: {error}", file=sys.stderr)
        return 1
    except SubsrvError as error:
        print(f"subsrv.bench.client: error: {error}", file=sys.stderr)
        return error.status
    print(json.dumps(asdict(report)) if options.json else report.text())
    return 1 if report.trouble else 0


if __name__ == "__main__":
    sys.exit(main())
