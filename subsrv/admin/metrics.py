"""The status in Prometheus's text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator
from typing import Any

from subsrv.histogram import BOUNDS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Of a worker's counters: metric, what it counts, and those that become one label's values.
_COUNTERS = (
    ("subsrv_connections_accepted_total", "Connections accepted.", {"accepts": ""}),
    ("subsrv_requests_total", "Requests read.", {"requests": ""}),
    (
        "subsrv_requests_overloaded_total",
        "Requests answered 503, by the limit that they met.",
        {"overloaded": 'limit="concurrency"', "expired": 'limit="queue_age"'},
    ),
    ("subsrv_connections_reset_total", "Connections that broke.", {"resets": ""}),
    ("subsrv_disconnects_total", "Clients that left within a request.", {"disconnects": ""}),
    ("subsrv_responses_aborted_total", "Responses not completed.", {"aborted": ""}),
    ("subsrv_accept_failures_total", "Failures of accept().", {"accept_errors": ""}),
    (
        "subsrv_timeouts_total",
        "Time-outs, by what was waited for.",
        {
            f"timed_out_{what}": f'what="{what}"'
            for what in ("header", "body", "write", "idle", "linger")
        },
    ),
)
_REFUSED = "refused_"
_GAUGES = (
    ("subsrv_connections", "Open connections.", "connections"),
    ("subsrv_requests_in_flight", "Requests that wait for something.", "in_flight"),
)
_HISTOGRAMS = (
    ("subsrv_request_duration_seconds", "From a request's head to its response.", "latency"),
    ("subsrv_loop_lag_seconds", "How late the loop came to its clock.", "lag"),
)


def text(status: dict[str, Any]) -> str:
    """The whole page."""
    return "\n".join(_lines(status["server"], status["workers"], status["places"])) + "\n"


def _lines(
    server: dict[str, Any], workers: list[dict[str, Any]], places: list[dict[str, Any]]
) -> Iterator[str]:
    labels = ",".join(
        f'{name}="{_escaped(str(server[name]))}"' for name in ("version", "mode", "python", "gil")
    )
    yield from _family("subsrv_info", "gauge", "The server.", [(labels, 1)])
    yield from _family("subsrv_uptime_seconds", "gauge", "Its age.", [("", server["uptime"])])
    for name, what in (
        ("replacements", "Times that workers were replaced as asked."),
        ("restarts", "Workers lost and replaced."),
    ):
        yield from _family(f"subsrv_{name}_total", "counter", what, [("", server[name])])
    rows = [(f'outcome="{name}"', server["reloads"][name]) for name in ("done", "failed")]
    yield from _family("subsrv_reloads_total", "counter", "Reloads, by how they ended.", rows)
    states: dict[str, int] = {}
    for worker in workers:
        states[worker["state"]] = states.get(worker["state"], 0) + 1
    rows = [(f'state="{state}"', count) for state, count in sorted(states.items())]
    yield from _family("subsrv_workers", "gauge", "Workers, by state.", rows)
    for name, what, key in _GAUGES:
        rows = [(_place(each), each[key]) for each in places]
        yield from _family(name, "gauge", what, rows)
    for name, what, keys in _COUNTERS:
        rows = [
            (_joined(_place(each), label), each["counters"].get(key, 0))
            for each in places
            for key, label in keys.items()
        ]
        yield from _family(name, "counter", what, rows)
    rows = [
        (_joined(_place(each), f'status="{key.removeprefix(_REFUSED)}"'), count)
        for each in places
        for key, count in sorted(each["counters"].items())
        if key.startswith(_REFUSED)
    ]
    yield from _family(
        "subsrv_requests_refused_total", "counter", "Requests that could not be read.", rows
    )
    for name, what, key in _HISTOGRAMS:
        yield f"# HELP {name} {what}"
        yield f"# TYPE {name} histogram"
        for each in places:
            yield from _histogram(name, _place(each), each[key])


def _family(name: str, kind: str, what: str, rows: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
    for labels, value in rows:
        yield f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"


def _histogram(name: str, labels: str, found: dict[str, Any]) -> Iterator[str]:
    total = 0
    for bound, count in zip((*BOUNDS, "+Inf"), found["counts"], strict=True):
        total += count
        yield f"{name}_bucket{{{_joined(labels, f'le="{bound}"')}}} {total}"
    yield f"{name}_sum{{{labels}}} {found['sum']}"
    yield f"{name}_count{{{labels}}} {total}"


def _place(each: dict[str, Any]) -> str:
    return f'worker="{each["place"]}"'


def _joined(*labels: str) -> str:
    return ",".join(filter(None, labels))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
