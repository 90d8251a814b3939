"""What is measured: names and units in the raw data, and how people read them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured thing.

    In the raw data less is better, as pyperf's `compare_to` has it: a rate is stored inverted.

    Attributes:
      name: of its benchmarks in the raw data, after the label: "interp 2: time to ready".
      unit: one that pyperf knows: second, byte, or integer for any other number.
      heading: for tables and axes, with the unit that people read.
      scale: from the stored number to the one shown.
      digits: shown after the point.
      rate: whether the inverse is shown: stored is seconds a request, shown requests a second.
    """

    name: str
    unit: str
    heading: str
    scale: float = 1.0
    digits: int = 1
    rate: bool = False

    def shown(self, stored: float) -> float:
        """The number that people read."""
        return self.scale / stored if self.rate else stored * self.scale

    def text(self, shown: float) -> str:
        """That number as text."""
        return f"{shown:,.{self.digits}f}"


RATE = Metric("wall time per request", "second", "requests/s", digits=0, rate=True)
CPU = Metric("server CPU per request", "second", "server CPU, µs/request", 1e6)
SERVER_CPUS = Metric("server CPUs used", "integer", "server CPUs", digits=2)
CLIENT = Metric("client CPU share", "integer", "client's CPU, %", 100, 0)
SWITCHES = Metric("context switches per request", "integer", "context switches/request", digits=3)
BUSIEST = Metric("CPU share of the busiest worker", "integer", "busiest worker's share, %", 100, 0)
LATENCY_MEAN = Metric("latency mean", "second", "latency mean, ms", 1e3, 2)
LATENCY_MAX = Metric("latency max", "second", "latency max, ms", 1e3, 1)
P50 = Metric("latency p50", "second", "p50, ms", 1e3, 2)
P90 = Metric("latency p90", "second", "p90, ms", 1e3, 2)
P99 = Metric("latency p99", "second", "p99, ms", 1e3, 2)
P999 = Metric("latency p99.9", "second", "p99.9, ms", 1e3, 2)
LAG = Metric("client's own lag p99", "second", "client's lag p99, ms", 1e3, 2)
READY = Metric("time to ready", "second", "time to first answer, s", digits=3)
PSS_READY = Metric("PSS when ready", "byte", "PSS when ready, MB", 1e-6)
USS_READY = Metric("USS when ready", "byte", "USS when ready, MB", 1e-6)
PSS = Metric("PSS after traffic", "byte", "PSS after traffic, MB", 1e-6)
USS = Metric("USS after traffic", "byte", "USS after traffic, MB", 1e-6)
