"""The page of the conformance study, made from its newest raw data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.conformance.judge import Kind
from experiments.harness.publish import Page
from experiments.harness.table import Table

_SHOWN = 12  # wrong cases of a peer that are named; the raw data have all

_QUESTION = (
    "Which servers answer malformed, odd and rare requests as RFC 9110 and 9112 allow? Each case "
    "is sent to each server as it is started for real, with an application that says what it was "
    "given. Every behaviour that the RFCs allow counts as right, refusing and repairing alike; "
    "verdicts are derived from the RFCs alone (`experiments/conformance/case.py` says how). A case "
    "whose answer was not right is sent once more, and the second answer counts. The last class "
    "rebuilds published bugs of servers and proxies from their descriptions."
)


_INSTEAD = (
    "What granian-wsgi answered and closed are broken bodies: at the break its `wsgi.input` ends "
    "as if the body were whole. Reading all of it gives nothing, reading parts what came before, "
    "neither raises; so the application answers with 200, and only then is the connection closed. "
    "Bodies in good chunks do reach it. gunicorn-sync closes after every answer."
)


def _body(raw: Mapping[str, Any]) -> Sequence[str]:
    return [
        "## Cases answered rightly, by class",
        _by_class(raw).markdown(),
        "## What came instead",
        _instead(raw).markdown(),
        _INSTEAD,
        "## Cases answered wrongly",
        "\n".join(_wrong(raw)) or "None.",
        "## Where and with what",
        "\n".join(
            f"- {name}: {found.get('version') or 'not had: ' + found['unavailable']}"
            + (f", CPython {found['python']}" if found.get("python") else "")
            for name, found in raw["servers"].items()
        ),
    ]


def _answered(raw: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The answers of each server that could be had."""
    return {name: found["answers"] for name, found in raw["servers"].items() if "answers" in found}


def _answer(raw: Mapping[str, Any]) -> str:
    total = len(raw["cases"])
    wrong = {
        name: sum(not each["right"] for each in answers.values())
        for name, answers in _answered(raw).items()
    }
    ours = [count for name, count in wrong.items() if name.startswith("subsrv")]
    peers = sorted((count, name) for name, count in wrong.items() if not name.startswith("subsrv"))
    beside = "; ".join(f"{name} {count}" for count, name in peers)
    return f"Of {total} cases, subsrv answers {max(ours, default=0)} wrongly in its worst mode" + (
        f"; the others: {beside}." if beside else "."
    )


def _by_class(raw: Mapping[str, Any]) -> Table:
    classes: dict[str, list[str]] = {}
    for case in raw["cases"]:
        classes.setdefault(case["name"].partition(":")[0], []).append(case["name"])
    rows = []
    for name, found in raw["servers"].items():
        answers = found.get("answers")
        if answers is None:
            rows.append((name, *("n/a" for _ in classes), "not had"))
            continue
        right = [sum(answers[case]["right"] for case in cases) for cases in classes.values()]
        rows.append((name, *map(str, right), str(sum(right))))
    totals = [f"{name} ({len(cases)})" for name, cases in classes.items()]
    return Table(("server", *totals, f"all ({len(raw['cases'])})"), rows)


def _instead(raw: Mapping[str, Any]) -> Table:
    """The wrong answers of each server by what came in the place of a right one."""
    names = ("answered, connection kept", "answered and closed", "refused", "anything else")
    rows = []
    for server, answers in _answered(raw).items():
        counts = dict.fromkeys(names, 0)
        for each in answers.values():
            if not each["right"]:
                counts[_name(each)] += 1
        if any(counts.values()):
            rows.append((server, *map(str, counts.values())))
    return Table(("server", *names), rows)


def _name(answer: Mapping[str, Any]) -> str:
    if answer["kind"] == Kind.ANSWERED:
        return "answered and closed" if answer["closed"] else "answered, connection kept"
    return "refused" if answer["kind"] == Kind.REFUSED else "anything else"


def _wrong(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, answers in _answered(raw).items():
        wrong = [case for case, each in answers.items() if not each["right"]]
        if wrong:
            more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            yield f"- {name}: {'; '.join(wrong[:_SHOWN])}{more}"
        if stopped := raw["servers"][name].get("stopped_by"):
            yield f"- {name} answered nobody any more after: {'; '.join(stopped)}"


_PAGE = Page(
    name="conformance",
    title="Requests that should be refused, and those that should not",
    question=_QUESTION,
    command="python -m experiments.conformance",
    answer=_answer,
    body=_body,
    shown="Tables and raw data",
)
made, section = _PAGE.made, _PAGE.section
