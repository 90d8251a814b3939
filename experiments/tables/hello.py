"""Tables of the study `hello`."""

import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from experiments.harness.paths import RESULTS
from experiments.harness.table import Table, spread
from experiments.tables.common import environment, sharing_remark

_Points = Sequence[Mapping[str, Any]]

_LONGEST_FAILURE = 400  # characters; the raw data have it whole
_THEN = RESULTS / "hello" / "2015.json"


def _groups(raw: Mapping[str, Any], apps: Sequence[str]) -> Iterator[tuple[Any, _Points]]:
    """The rounds of each configuration together, in the order of the study's settings."""
    settings = raw["settings"]
    for app in apps:
        for mode, free_threaded in settings["modes"]:
            for workers in settings["workers"]:
                key = [app, mode, free_threaded, workers]
                points = [
                    point
                    for point in raw["points"]
                    if [point[name] for name in ("app", "mode", "free_threaded", "workers")] == key
                ]
                if points:
                    yield key, points


def _median(points: _Points, figure: Callable[[Any], float], form: str) -> str:
    return format(statistics.median(figure(point) for point in points), form)


def _with_range(points: _Points, figure: Callable[[Any], float]) -> str:
    """The median, and the range where there is more than one round."""
    shown = _median(points, figure, ",.0f")
    if len(points) == 1:
        return shown
    return f"{shown} ({spread([figure(point) for point in points], 0)})"


def _shares(points: _Points) -> str:
    """Each worker's part of the CPU time that the workers used, the busiest first."""
    shares = []
    for point in points:
        busiest = point["thread_cpu"][: point["workers"]]
        shares.append([seconds / sum(busiest) for seconds in busiest])
    return " : ".join(f"{statistics.median(each):.0%}" for each in zip(*shares, strict=True))


def _gil(points: _Points) -> str:
    """The GIL as the requests themselves saw it, before and after the load."""
    seen = {
        state["gil"] for point in points for when in ("before", "after") for state in point[when]
    }
    return " and ".join("on" if gil else "off" for gil in sorted(seen))


def _name(points: _Points) -> str:
    return next((point["python"] for point in points if point["python"]), "none")


def _latency(points: _Points, figure: str) -> str:
    return _median(points, lambda point: point["report"][figure] * 1e3, ",.2f")


def _rate(point: Mapping[str, Any]) -> float:
    return float(point["report"]["requests_per_second"])


def everything(raw: Mapping[str, Any]) -> str:
    """Every configuration, the failed ones too."""
    heading = (
        *(
            "app",
            "mode",
            "CPython",
            "GIL in a request",
            "workers",
            "requests/s",
            "latency mean, ms",
        ),
        *("max, ms", "server CPU, µs/request", "server CPUs", "client CPUs", "CPU by worker"),
        *("PSS, MB", "ready after, s"),
    )
    rows: list[tuple[str, ...]] = []
    for (app, mode, _, workers), points in _groups(raw, raw["settings"]["apps"]):
        failures = [point for point in points if "failure" in point]
        label = (app, mode, _name(points))
        if failures:
            rest = ("",) * (len(heading) - len(label) - 3)
            rows.append(
                (*label, "", str(workers), f"failed ({len(failures)} of {len(points)})", *rest)
            )
            continue
        rows.append(
            (
                *label,
                _gil(points),
                str(workers),
                _with_range(points, _rate),
                _latency(points, "latency_mean"),
                _latency(points, "latency_max"),
                _median(points, lambda point: point["cpu_per_request_us"], ".1f"),
                _median(points, lambda point: point["server_share"], ".2f"),
                _median(points, lambda point: point["client_share"], ".2f"),
                _shares(points),
                _median(points, lambda point: point["memory_after"]["pss"] * 1024 / 1e6, ".1f"),
                _median(points, lambda point: point["seconds_to_ready"], ".2f"),
            )
        )
    settings, about = raw["settings"], raw["environment"]
    remark = (
        f"{settings['rounds']} launch(es) a row, each under `{settings['command']}`; medians, with "
        f"the range where there are several. {sharing_remark(about)} A closed loop of 256 "
        "connections measures the queue it makes: read its latency as that of 2015, no more."
    )
    return f"{Table(heading, rows, labels=4).markdown()}\n\n{remark}{_failures(raw)}"


def _failures(raw: Mapping[str, Any]) -> str:
    lines = [
        f"- {point['app']}, {point['mode']}, CPython {point['python'] or 'none'}, "
        f"{point['workers']} worker(s): {_one_line(point['failure'])}"
        for point in raw["points"]
        if "failure" in point
    ]
    return "\n\nFailures, in the words of the server:\n\n" + "\n".join(lines) if lines else ""


def _one_line(text: str) -> str:
    line = " / ".join(line.strip() for line in text.splitlines() if line.strip())
    return line if len(line) <= _LONGEST_FAILURE else f"{line[:_LONGEST_FAILURE]} (and so on)"


def summary(raw: Mapping[str, Any]) -> str:
    """The 2015 figures beside those of the native handler."""
    then = json.loads(_THEN.read_text())
    rows = [
        (
            then["server"],
            "1",
            f"{then['requests_per_second']:,.0f}",
            f"{then['latency_mean'] * 1e3:,.2f}",
            f"{then['latency_max'] * 1e3:,.2f}",
        )
    ]
    for (_, mode, _, workers), points in _groups(raw, ["native"]):
        label = f"subsrv, {mode}, CPython {_name(points)}"
        if any("failure" in point for point in points):
            rows.append((label, str(workers), "failed", "", ""))
            continue
        rows.append(
            (
                label,
                str(workers),
                _with_range(points, _rate),
                _latency(points, "latency_mean"),
                _latency(points, "latency_max"),
            )
        )
    heading = ("server", "workers", "requests/s", "latency mean, ms", "max, ms")
    table = Table(heading, rows).markdown()
    remark = sharing_remark(raw["environment"])
    return f"{table}\n\n`{raw['settings']['command']}`. {then['remark']} {remark}"


TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "everything": everything,
    "summary": summary,
    "environment": environment,
}
