"""A live view in the terminal: a row for each worker, with the course of its load."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from subsrv.admin import client

_BARS = "▁▂▃▄▅▆▇█"
_COURSE = 30  # values that a sparkline shows at the most
_WITHOUT = 84  # columns of the terminal that all the rest takes
_FEWEST = 5  # values below which there is no sparkline
_STYLES = {"ready": "green", "starting": "yellow", "draining": "cyan"}


def sparkline(values: Sequence[float], most: float) -> str:
    """The values as bars, of which the tallest is `most`."""
    if most <= 0:
        return _BARS[0] * len(values)
    top = len(_BARS) - 1
    return "".join(_BARS[min(round(max(value, 0) / most * top), top)] for value in values)


class Course:
    """What two statuses, one after the other, say of the time between them."""

    def __init__(self) -> None:
        self._requests: dict[int, int] = {}
        self._lag: dict[int, tuple[int, float]] = {}
        self._at = 0.0
        #: By place: requests a second, and the loop's mean lag in milliseconds.
        self.rates: dict[int, deque[float]] = {}
        self.lags: dict[int, deque[float]] = {}

    def add(self, status: dict[str, Any], now: float) -> None:
        """Take in a status, got at `now`."""
        passed = now - self._at
        for place in status["places"]:
            number = place["place"]
            requests = place["counters"].get("requests", 0)
            counts, total = sum(place["lag"]["counts"]), place["lag"]["sum"]
            if number in self._requests and passed > 0:
                rate = max(requests - self._requests[number], 0) / passed
                self.rates.setdefault(number, deque(maxlen=_COURSE)).append(rate)
                count, before = self._lag[number]
                late = (total - before) / (counts - count) if counts > count else 0.0
                self.lags.setdefault(number, deque(maxlen=_COURSE)).append(max(late, 0) * 1e3)
            self._requests[number] = requests
            self._lag[number] = counts, total
        self._at = now


def screen(status: dict[str, Any], course: Course, width: int) -> Group:
    """The whole view, for a terminal of so many columns."""
    server = status["server"]
    room = min((width - _WITHOUT) // 2, _COURSE)
    shown = room if room >= _FEWEST else 0
    head = Text.assemble(
        (f"subsrv {server['version']}", "bold"),
        f"  {' '.join(server['urls'])}  mode={server['mode']}  python={server['python']}"
        f"  gil={server['gil']}  pid={server['pid']}  up {_age(server['uptime'])}"
        f"  {server['memory'] / 1e6:,.0f} MB"
        f"  replaced {server['replacements']}  restarts {server['restarts']}",
    )
    table = Table(box=None, pad_edge=False)
    for name, justify in (
        *(("worker", "right"), ("state", "left"), ("age", "right"), ("conn", "right")),
        *(("in flight", "right"), ("requests/s", "right"), ("", "left"), ("lag, ms", "right")),
        *(("", "left"), ("requests", "right"), ("id", "left")),
    ):
        table.add_column(name, justify=justify, no_wrap=name == "id")  # type: ignore[arg-type]
    most = max((max(rates) for rates in course.rates.values() if rates), default=0.0)
    latest = max((max(lags) for lags in course.lags.values() if lags), default=0.0)
    for worker in status["workers"]:
        number = worker["place"]
        rates, lags = course.rates.get(number, deque()), course.lags.get(number, deque())
        table.add_row(
            str(number),
            Text(worker["state"], style=_STYLES.get(worker["state"], "bold red")),
            _age(worker["age"]),
            str(worker["connections"]),
            str(worker["in_flight"]),
            f"{rates[-1]:,.0f}" if rates else "",
            sparkline(list(rates)[-shown:] if shown else [], most),
            f"{lags[-1]:.1f}" if lags else "",
            sparkline(list(lags)[-shown:] if shown else [], max(latest, 1.0)),
            f"{worker['requests']:,}",
            worker["id"],
        )
    lines: list[Text | Table] = [head, Text(""), table]
    if server["last_error"]:
        lines += [Text(""), Text(f"last error: {server['last_error']}", style="red")]
    if error := server["reloads"]["error"]:
        lines += [Text(""), Text(f"not reloaded: {error}", style="red")]
    return Group(*lines)


def run(address: str, interval: float, console: Console | None = None) -> int:
    """Show it until Ctrl-C; status 0. client.UnreachableError when the server is gone."""
    course = Course()
    with Live(console=console, screen=console is None, auto_refresh=False) as live:
        while True:
            found = client.status(address)
            course.add(found, time.monotonic())
            live.update(screen(found, course, live.console.width), refresh=True)
            time.sleep(interval)


def _age(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    hours = whole // 3600
    return f"{hours}h{whole % 3600 // 60:02}m" if hours < 48 else f"{hours // 24}d{hours % 24}h"
