"""The main job, then and now: "Hello, world!" under the command of 2015, wrk -t1 -c256 -d30s."""

import json
import sys
from collections.abc import Mapping

from experiments.harness import charts, metrics, tables
from experiments.harness.charts import Bar
from experiments.harness.command import main
from experiments.harness.configuration import Configuration, Timing, serving
from experiments.harness.data import Data
from experiments.harness.paths import RESULTS
from experiments.harness.study import Option, Settings, Study
from experiments.harness.table import Table
from experiments.harness.wrk import Wrk
from experiments.options import KINDS, WORKERS, kinds

APPS = {
    "native": "experiments.apps.hello:native",
    "asgi": "experiments.apps.hello:asgi",
    "wsgi": "experiments.apps.hello:wsgi",
    "flask": "experiments.apps.flask_app:app",
    "django": "experiments.apps.django_app:app",
    "starlette": "experiments.apps.starlette_app:app",
}
_THEN = json.loads((RESULTS / "hello" / "2015.json").read_text())
#: As in 2015, for what was measured in 2015; the others are there to be compared, not remembered.
_SECONDS_THEN = 30


def _label(app: str, kind: str, workers: str | int) -> str:
    return f"{app} {kind} {workers}"


def _configurations(settings: Settings) -> list[Configuration]:
    found = []
    for app in settings["apps"]:
        for kind in settings["modes"]:
            mode, leg, options = KINDS[kind]
            for workers in settings["workers"]:
                found.append(
                    serving(
                        _label(app, kind, workers),
                        APPS[app],
                        Wrk(),
                        mode=mode,
                        workers=int(workers),
                        leg=leg,
                        options=options,
                        facts={"app": app, "kind": kind},
                        seconds=_SECONDS_THEN if app == "native" else None,
                    )
                )
    return found


def _then_and_now(data: Data) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            _THEN["server"],
            "1",
            "1",
            f"{_THEN['requests_per_second']:,.0f}",
            f"{_THEN['latency_mean'] * 1e3:,.2f}",
            f"{_THEN['latency_max'] * 1e3:,.1f}",
        )
    ]
    shown = (metrics.RATE, metrics.LATENCY_MEAN, metrics.LATENCY_MAX)
    for label in data.where(app="native"):
        name = f"subsrv, {data.fact(label, 'kind')}, CPython {data.python(label) or '?'}"
        workers, launches = str(data.fact(label, "workers")), str(data.launches([label]))
        if data.failure(label):
            rows.append((name, workers, launches, "failed", "", ""))
            continue
        cells = (tables.cell(data.figure(label, each), each.digits) for each in shown)
        rows.append((name, workers, launches, *cells))
    return Table(("server", "workers", "n", *(each.heading for each in shown)), rows)


def _tables(data: Data) -> Mapping[str, Table | str]:
    everything = tables.overview(
        data,
        (
            *(metrics.RATE, metrics.LATENCY_MEAN, metrics.CPU, metrics.SERVER_CPUS),
            *(metrics.CLIENT, metrics.BUSIEST, metrics.SWITCHES, metrics.PSS, metrics.READY),
        ),
        facts=("python_version", "gil_in_request"),
    )
    modes = [
        (f"{app}: {kind} / process", _label(app, kind, 1), _label(app, "process", 1))
        for app in data.settings["apps"]
        for kind in data.settings["modes"]
        if not kind.startswith("process")
    ]
    return {
        "Then and now": f"{_then_and_now(data).markdown()}\n\n{_THEN['remark']}",
        "Every application, mode and number of workers": everything,
        "Modes beside processes, one worker": tables.ratios(data, modes, [metrics.CPU]),
    }


def _plots(data: Data) -> Mapping[str, str]:
    groups: dict[str, list[Bar]] = {}
    for label in data.labels:
        workers = str(data.fact(label, "workers"))
        bar = Bar(
            f"{data.fact(label, 'kind')}, {workers} worker{'s' if workers != '1' else ''}",
            data.figure(label, metrics.RATE),
            series=data.settings["workers"].index(workers),
        )
        groups.setdefault(str(data.fact(label, "app")), []).append(bar)
    title = "Hello, world: requests/s by application, mode and workers"
    return {"rate": charts.bars(title, groups, metrics.RATE.heading)}


def _answer(data: Data) -> str:
    label = _label("native", "interp", 1)
    rate, latency = data.figure(label, metrics.RATE), data.figure(label, metrics.LATENCY_MEAN)
    if not rate or not latency:
        return "The native handler in one interpreter was not measured in this run."
    factor = rate.value / _THEN["requests_per_second"]
    return (
        f"Dart in 2015 served {_THEN['requests_per_second']:,.0f} requests/s at "
        f"{_THEN['latency_mean'] * 1e3:.1f} ms; one interpreter now serves {rate.text(0)} at "
        f"{latency.text(2)} ms, {factor:.1f} times as many, on another machine."
    )


STUDY = Study(
    name="hello",
    title="Hello, world, as in 2015",
    question=(
        "Where this project began: Dart's `HttpServer` in one isolate, and `wrk -t1 -c256 -d30s`. "
        "What does the same command say of a Python server whose workers are isolates, and of the "
        "three other kinds of worker, on the same code and the same listener? And what is left of "
        "it under Flask, Django and Starlette? The native handler is measured with the 2015 "
        "command, the others for less long."
    ),
    configurations=_configurations,
    answer=_answer,
    tables=_tables,
    plots=_plots,
    limits=(
        "A closed loop of 256 connections measures the queue that it makes: read its latency as "
        "that of 2015, no more.",
        "The figures of 2015 come from another machine: they are where this began, not a "
        "comparison.",
    ),
    options=(
        Option("apps", "applications", tuple(APPS), tuple(APPS)),
        kinds("interp", "nogil", "thread", "thread-t", "process"),
        WORKERS,
    ),
    control="native interp 1",
    rounds=3,
    timing=Timing(warm_up=1, values=1, seconds=5),
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
