"""The time of each request: of those that are answered at once, that wait, and that never are."""

import bisect
import time

import pytest
from fake_wire import GET, Recorder, Setting

from subsrv.connection import Connection
from subsrv.exchange import Exchange
from subsrv.histogram import BOUNDS, Histogram
from subsrv.timing import timed


class Prompt(Recorder):
    """Answers before `begin` returns."""

    def begin(self) -> None:
        self.respond(200, [], b"")


class Failing(Recorder):
    """Fails before it has begun."""

    def begin(self) -> None:
        raise MemoryError("no room")


class Timing(Setting):
    """A connection that is timed, by a clock that stands where it is put."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, kind: type[Exchange[list[Recorder]]] = Recorder
    ) -> None:
        self.clock = 100.0  # as that of the reactor: a request has come just now
        monkeypatch.setattr(time, "monotonic", lambda: self.clock)
        self.latency = Histogram()
        super().__init__(kind, connection=timed(Connection, self.latency))

    def counted(self, seconds: float) -> int:
        """How many took so long, and no others anything else."""
        count = self.latency.counts[bisect.bisect_left(BOUNDS, seconds)]
        assert sum(self.latency.counts) == count
        assert self.latency.sum == pytest.approx(count * seconds)
        return count


@pytest.mark.parametrize("seconds", [BOUNDS[0] / 2, 3.0, 100.0])
@pytest.mark.parametrize("kind", [Prompt, Failing])
def test_what_is_over_at_once_is_counted_once(
    kind: type[Recorder], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = Timing(monkeypatch, kind)
    setting.clock += seconds  # it waited for others that came with it
    setting.receive(GET)
    assert setting.wire.sent.count(b"HTTP/1.1 ") == 1
    assert setting.counted(seconds) == 1


@pytest.mark.parametrize("answered", [True, False])
def test_what_waits_is_counted_at_its_end(monkeypatch: pytest.MonkeyPatch, answered: bool) -> None:
    setting = Timing(monkeypatch)
    setting.receive(GET)
    assert setting.counted(1.0) == 0
    setting.clock += 1.0
    if answered:
        setting.made[0].respond(200, [], b"")
    else:  # the client has left
        setting.connection.close()
    assert setting.counted(1.0) == 1
    setting.connection.close()
    assert setting.counted(1.0) == 1


def test_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Timing(monkeypatch, Prompt)
    setting.clock += 0.2
    for count in range(1, 4):
        setting.receive(GET)
        assert setting.counted(0.2) == count


def test_a_bound_is_included_also_the_first() -> None:
    histogram = Histogram()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.01, BOUNDS[-1], 11.0):
        histogram.add(seconds)
    assert (histogram.counts[0], histogram.counts[1]) == (2, 1)
    assert histogram.counts[-2:] == [1, 1]
