"""What people read: a study's page, the index of all of them, and the terminal."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.harness import metrics
from experiments.harness.data import Data
from experiments.harness.figures import Figure
from experiments.harness.metrics import Metric
from experiments.harness.publish import NOTE
from experiments.harness.study import Study, Target, timing
from experiments.harness.table import Table

_LONGEST_FAILURE = 400  # characters; the raw data have it whole
# What ends the reason of a server that said nothing.
_NO_LOG = " / the server's log:"
_CONTROLLED = (
    *(metrics.RATE, metrics.CPU, metrics.P50, metrics.P90, metrics.P99, metrics.P999),
    *(metrics.READY, metrics.PSS_READY, metrics.USS_READY, metrics.PSS, metrics.USS),
)

_INDEX = """\
# Results

What was measured, one question a page. Every figure is a median over the launches of a server, n of
them, with their range in brackets; from six launches on, with a 95 % interval (a bootstrap). The
true median lies outside the range of three launches in one case of four, of five in one of sixteen.
Each study launches one configuration twice under two labels: what differs between those two (A/A)
is noise, and stands beside every difference. Raw data are pyperf's JSON: `python -m pyperf show
FILE`. No number here is typed by hand; `python -m experiments.report --check` holds that.
"""


def command(study: Study) -> str:
    """What makes the study."""
    return f"python -m experiments.{study.name}"


def files(study: Study, runs: Sequence[Data]) -> Iterator[tuple[str, str]]:
    """The pages and plots of one study, by name: README.md, and a page for each larger machine.

    Args:
      runs: one for each number of CPUs, ascending.
    """
    for index, data in enumerate(runs):
        prefix = _prefix(data) if index else ""
        yield f"{prefix or 'README'}.md", page(study, data, prefix, [] if index else runs[1:])
        for name, drawing in study.plots(data).items():
            yield _plot(prefix, name), drawing


def _prefix(data: Data) -> str:
    """Begins the names of what is made of a run on a larger machine."""
    return f"{data.cpus}-cpus"


def _plot(prefix: str, name: str) -> str:
    return f"{prefix}-{name}.svg".removeprefix("-")


def page(study: Study, data: Data, prefix: str = "", larger: Sequence[Data] = ()) -> str:
    """The page of one run of a study, in Markdown; `larger` are runs on machines of more CPUs."""
    machine = f" on {data.cpus} CPUs" if prefix else ""
    parts = [
        NOTE,
        f"# {study.title}{machine}",
        study.question,
        f"**{study.answer(data)}**",
        *(f"[On {each.cpus} CPUs]({_prefix(each)}.md): {study.answer(each)}" for each in larger),
        *(f"![{study.title}: {name}]({_plot(prefix, name)})" for name in study.plots(data)),
    ]
    for title, table in study.tables(data).items():
        parts += [f"## {title}", _markdown(table)]
    if targets := study.targets(data):
        parts += ["## Targets", targets_table(targets).markdown()]
    if failures := list(_failures(data)):
        parts += ["## Failures", "In the words of the server:", "\n".join(failures)]
    parts += [
        "## What the figures stand on",
        noise(data, study.controlled),
        "## Limits",
        "\n".join(f"- {each}" for each in (*study.limits, sharing(data))),
        "## Where and with what",
        "\n".join(f"- {each}" for each in _environment(study, data)),
        "## To repeat it",
        f"    {command(study)}\n\nRaw data: {_link(data)}",
    ]
    return "\n\n".join(parts) + "\n"


def index(studies: Sequence[tuple[Study, Sequence[Data]]], others: Sequence[str] = ()) -> str:
    """The index of all studies, in Markdown.

    Args:
      studies: with their runs, as `files` takes them.
      others: sections that are whole already.
    """
    parts = [NOTE, _INDEX.rstrip()]
    for study, runs in studies:
        if not runs:
            parts += [f"## {study.title}", f"Not measured yet: `{command(study)}`."]
            continue
        parts += [f"## [{study.title}]({study.name}/README.md)", study.question]
        for number, data in enumerate(runs):
            prefix = _prefix(data) if number else ""
            machine = f"On {data.cpus} CPUs: " if number else ""
            page_ = f"{study.name}/{prefix or 'README'}.md"
            parts += [
                f"**{machine}{study.answer(data)}**",
                *(
                    f"![{study.title}: {name}]({study.name}/{_plot(prefix, name)})"
                    for name in list(study.plots(data))[:1]
                ),
                " ".join((*study.limits[:1], sharing(data))),
                f"[Tables and raw data]({page_}). To repeat it: `{command(study)}`.",
            ]
    return "\n\n".join((*parts, *others)) + "\n"


def part(study: Study, data: Data, name: str) -> str:
    """One table of a study, or its answer, for another document. KeyError where it has none."""
    if name == "answer":
        return study.answer(data)
    return f"{_markdown(study.tables(data)[name])}\n\n{sharing(data)}"


def terminal(study: Study, data: Data) -> str:
    """All that was found, for a terminal."""
    parts = [study.title]
    for title, table in study.tables(data).items():
        parts += [title, table.text() if isinstance(table, Table) else table]
    if targets := study.targets(data):
        parts.append(targets_table(targets).text())
    for label, failed, launches, reason in data.failures():
        parts.append(f"FAILED {label} ({failed} of {launches}): {reason}")
    parts += [study.answer(data), noise(data, study.controlled), *_environment(study, data)]
    return "\n\n".join(parts)


def targets_table(targets: Sequence[Target]) -> Table:
    """The targets with what was measured, for people."""
    rows = []
    for target in targets:
        value = target.value
        if isinstance(value, Figure):
            shown = value.text(target.digits)
        else:
            shown = "" if value is None else f"{value:,.{target.digits}f}"
        sign = "≥" if target.least else "≤"
        rows.append((target.name, f"{sign} {round(target.limit, 2):g}", shown, target.verdict))
    return Table(("target", "limit", "measured", "so it is"), rows)


def sharing(data: Data) -> str:
    """The remark without which figures from one machine mislead."""
    about = data.recording.about
    if data.shared:
        return (
            f"Client and server shared CPUs {about['cpus_server']} of one machine "
            f"({about['cpu_model_name']}): this shows what the server costs, not how far it scales."
        )
    return (
        f"On one machine ({about['cpu_model_name']}), the server on CPUs {about['cpus_server']}, "
        f"the client on {about['cpus_client']}."
    )


def noise(data: Data, own: Sequence[Metric] = ()) -> str:
    """How far the figures can be trusted: launches, A/A, and clients that were at their limit.

    `own` are metrics of the study beside those that all have.
    """
    times = timing(data.settings)
    said = [
        f"Launches of each configuration: {data.settings['rounds']}, interleaved, in an order "
        f"shuffled in each round from seed {data.settings['seed']}. In each launch: "
        f"{times.warm_up} s of warm-up, kept apart, then {times.values} value(s) of "
        f"{times.seconds} s."
    ]
    if data.controlled:
        found = [f"{each} {ratio}" for each, ratio in _controls(data, own)]
        said.append(
            f"A/A, `{data.controlled}` against itself: {'; '.join(found) or 'not measured'}. "
            "A difference that is not clear of this is none."
        )
    if saturated := data.saturated():
        said.append(
            "The client had no CPU time left with: "
            f"{', '.join(f'`{label}`' for label in saturated)}; their requests/s are the client's."
        )
    if late := data.late():
        said.append(
            f"The client itself sent late with: {', '.join(f'`{label}`' for label in late)}; "
            "latencies count from when a request was due, so these are too high."
        )
    return "\n\n".join(said)


def _controls(data: Data, own: Sequence[Metric]) -> Iterator[tuple[str, str]]:
    for metric in (*_CONTROLLED, *own):
        if figure := data.control(metric):
            yield _name(metric), figure.text(2)


def _name(metric: Metric) -> str:
    return metric.heading.partition(",")[0]


def _failures(data: Data) -> Iterator[str]:
    for label, failed, launches, reason in data.failures():
        yield f"- `{label}`, {failed} of {launches} launch(es): {_one_line(reason)}"


def _one_line(text: str) -> str:
    line = " / ".join(line.strip() for line in text.splitlines() if line.strip())
    line = line.removesuffix(_NO_LOG)
    return line if len(line) <= _LONGEST_FAILURE else f"{line[:_LONGEST_FAILURE]} (and so on)"


def _environment(study: Study, data: Data) -> Iterator[str]:
    about = data.recording.about
    loads = [
        float(each.metadata[name])
        for each in data.recording.launches
        for name in ("load_avg_1min", "load_avg_1min_after")
    ]
    spread = f"{min(loads):.2f} to {max(loads):.2f}" if loads else "unknown"
    yield f"begun {about['begun']} at commit {about['subsrv_commit']}, host {about['hostname']}"
    yield f"{about['cpu_count']} CPUs, {about['cpu_model_name']}, kernel {about['kernel']}"
    yield f"load average before and after launches: {spread}"
    yield f"client: {about['client']}"
    for name, facts in data.recording.builds.items():
        packages = ", ".join(f"{each} {version}" for each, version in facts["packages"].items())
        yield (
            f"CPython {name}: {facts['compiler']}, configured with "
            f"{' '.join(facts['configure']) or 'flags that are not recorded'}, "
            f"JIT {'on' if facts['jit'] else 'off'}{'; ' if packages else ''}{packages}"
        )
    loads_put = {str(facts["load"]) for facts in data.recording.configurations.values()}
    for each in sorted(loads_put)[:4]:
        yield f"load: `{each}`"
    if len(loads_put) > 4:
        yield f"and {len(loads_put) - 4} other loads, in the raw data"


def _link(data: Data) -> str:
    if data.path is None:
        return "not kept"
    name = Path(data.path).name
    return f"[{name}]({name})"


def _markdown(table: Table | str) -> str:
    return table.markdown() if isinstance(table, Table) else table
