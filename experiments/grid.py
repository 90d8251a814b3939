"""One application in several kinds of worker, with several numbers of workers."""

from collections.abc import Callable

from experiments.harness import charts, metrics
from experiments.harness.charts import Bar
from experiments.harness.configuration import Configuration, says_hello, serving
from experiments.harness.data import FAILED, Data
from experiments.harness.load import Load
from experiments.harness.metrics import Metric
from experiments.harness.server import Server
from experiments.harness.study import Settings
from experiments.options import KINDS


def label(kind: str, workers: str | int, app: str = "") -> str:
    """The label of one place in the grid; `app` where there are several."""
    return f"{app} {kind} {workers}".lstrip()


def counted(workers: str | int) -> str:
    """A number of workers, in words."""
    return f"{workers} worker{'s' if int(workers) != 1 else ''}"


def most(settings: Settings) -> int:
    """The largest number of workers in these settings."""
    return max(map(int, settings["workers"]))


def aimed(settings: Settings) -> list[int]:
    """The numbers of workers that targets set beside one: two, and the most."""
    return sorted({2, max(2, most(settings))})


def configurations(
    settings: Settings,
    served: str,
    load: Load,
    *,
    app: str = "",
    stateful: bool = False,
    check: Callable[[Server], int | None] = says_hello,
) -> list[Configuration]:
    """One for each of the settings' `modes` and `workers`, all serving `served`."""
    found = []
    for kind in settings["modes"]:
        mode, leg, options = KINDS[kind]
        for workers in settings["workers"]:
            found.append(
                serving(
                    label(kind, workers, app),
                    served,
                    load,
                    mode=mode,
                    workers=int(workers),
                    leg=leg,
                    options=options,
                    stateful=stateful,
                    check=check,
                    facts={"kind": kind, **({"app": app} if app else {})},
                )
            )
    return found


def pairs(data: Data) -> list[tuple[str, str, str]]:
    """Each number of workers beside one: in words, its label, and that of one worker."""
    return [
        (f"{kind}, {workers} workers / 1", label(kind, workers), label(kind, 1))
        for kind in data.settings["modes"]
        for workers in data.settings["workers"]
        if workers != "1" and "1" in data.settings["workers"]
    ]


def beside_one(data: Data, said: Callable[[str, str], str]) -> list[str]:
    """A phrase for each kind that was measured with one worker and with the most.

    Args:
      said: what there is to say of these two labels; empty where there are no figures.
    """
    most_ = most(data.settings)
    found = []
    for kind in data.settings["modes"]:
        pair = label(kind, most_), label(kind, 1)
        if most_ > 1 and (text := said(*pair)):
            found.append(f"{kind} {text}")
        elif data.missing(*pair) == FAILED:
            found.append(f"{kind} failed")
    return found


def bars(
    data: Data, title: str, metric: Metric, *, digits: int = 0, apps: tuple[str, ...] = ("",)
) -> str:
    """A group of bars for each application and kind, a bar for each number of workers."""
    groups = {
        f"{app}, {kind}".lstrip(", "): [
            Bar(
                counted(workers),
                data.figure(label(kind, workers, app), metric),
                series=index,
                failed=data.missing(label(kind, workers, app)),
            )
            for index, workers in enumerate(data.settings["workers"])
        ]
        for app in apps
        for kind in data.settings["modes"]
    }
    return charts.bars(title, groups, metric.heading, digits=digits)


def curves(data: Data) -> dict[str, str]:
    """A plot of requests/s over workers, as multiples of one worker's: a line for each kind.

    Nothing where one and two are all there is to see: bars show that.
    """
    workers = sorted(map(int, data.settings["workers"]))
    if len(workers) < 3 or workers[0] != 1:
        return {}
    found = {}
    for kind in data.settings["modes"]:
        labels = [label(kind, number) for number in workers]
        lacking = ": failed" if data.missing(*labels) == FAILED else ""
        found[f"{kind}{lacking}"] = [
            (float(number), gain)
            for number, each in zip(workers, labels, strict=True)
            if (gain := data.ratio(each, labels[0], metrics.RATE))
        ]
    drawn = charts.lines(
        "Requests/s, as a multiple of one worker's",
        found,
        x_axis="workers (dashed: each brings as much as the first)",
        y_axis="times the requests/s of one",
        ideal=[(1.0, 1.0), (float(workers[-1]), float(workers[-1]))],
    )
    return {"gain": drawn}
