"""The compatibility table: Markdown for reading, one HTML file for searching and sorting."""

import html
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.compatibility import cells, known
from experiments.compatibility.script import SCRIPT, STYLE
from experiments.harness.publish import NOTE
from experiments.harness.table import Table

_NAME = "compatibility"
_TITLE = "Packages in isolates"
_SHOWN = 3  # modules of a package that are named; the raw data have all
_QUESTION = (
    "Which packages load in an interpreter with its own GIL, and which leave the GIL off in a "
    "free-threaded Python? Each package is installed alone, its newest wheel, into an environment "
    "that is thrown away, and tried by the code of `subsrv check`: in one interpreter, in a second "
    "one, in two at the same time, and then all are closed; on a free-threaded Python with a look "
    "at the GIL after each extension module."
)
_READING = (
    "`yes *`: it loads, but goes on without a compiled part. `not declared`: CPython refuses it, "
    "since it does not say that it supports several interpreters. `single-phase`: CPython refuses "
    "the old kind of extension module. `refuses`: the package's own check. `-`: not tried, since "
    "an earlier question was answered with no, or as the last column says."
)

type Records = Mapping[str, Mapping[str, Mapping[str, Any]]]


def records_file(results: Path) -> Path:
    """Where the raw data are."""
    return results / _NAME / "records.json"


def made(results: Path) -> dict[Path, str]:
    """The pages by their files; nothing where nothing has been tried."""
    records = _load(results)
    if not records:
        return {}
    folder = results / _NAME
    return {
        folder / "README.md": _markdown(records),
        folder / "index.html": _html(records),
        results.parent / "subsrv" / "check" / "known.json": known.table(records),
    }


def section(results: Path) -> str:
    """What the index says of it."""
    records = _load(results)
    command = f"`python -m experiments.{_NAME}`"
    if not records:
        return f"## {_TITLE}\n\nNot tried yet: {command}."
    return (
        f"## [{_TITLE}]({_NAME}/README.md)\n\n{_QUESTION}\n\n**{_answer(records)}**\n\n"
        f"[The table]({_NAME}/README.md), and [one to search and sort]({_NAME}/index.html). "
        f"To repeat it: {command}."
    )


def _load(results: Path) -> Records:
    path = records_file(results)
    if not path.exists():
        return {}
    records: Records = json.loads(path.read_text())
    # Only what was tried; those of a leg that was interrupted stand there as far as it came.
    return {leg: of_leg for leg, of_leg in records.items() if of_leg}


def _free_threaded(of_leg: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(record.get("free_threaded") for record in of_leg.values())


def _python(leg: str, of_leg: Mapping[str, Mapping[str, Any]]) -> str:
    versions = {record["python"] for record in of_leg.values() if "python" in record}
    name = "/".join(sorted(versions)) or leg
    return f"{name}t" if _free_threaded(of_leg) else name


def _answer(records: Records) -> str:
    parts = []
    for leg, of_leg in sorted(records.items()):
        had = [record for record in of_leg.values() if not cells.note(record)]
        if _free_threaded(of_leg):
            good = sum(cells.nogil(record) == cells.YES for record in had)
            what = "leave the GIL off"
        else:
            good = sum(_all_yes(cells.interp(record)) for record in had)
            what = "load and close in interpreters with their own GIL"
        parts.append(f"CPython {_python(leg, of_leg)}: {good} of {len(had)} {what}")
    return "; ".join(parts) + "."


def _all_yes(answers: Mapping[str, str]) -> bool:
    return all(answer.startswith(cells.YES) for answer in answers.values())


def _heading(records: Records) -> tuple[str, ...]:
    titles = ["package", "version"]
    for leg, of_leg in sorted(records.items()):
        python = _python(leg, of_leg)
        questions = (cells.NOGIL,) if _free_threaded(of_leg) else cells.INTERP
        titles += (f"{python} {question}" for question in questions)
    return (*titles, "tried", "extension modules in the way, notes")


def _rows(records: Records) -> Iterator[tuple[str, ...]]:
    packages = sorted({package for of_leg in records.values() for package in of_leg})
    legs = sorted(records.items())
    for package in packages:
        mine = {leg: of_leg[package] for leg, of_leg in legs if package in of_leg}
        row = [package, _versions({_python(leg, records[leg]): each for leg, each in mine.items()})]
        for leg, of_leg in legs:
            record = mine.get(leg, {"unavailable": "not tried"})
            if _free_threaded(of_leg):
                row.append(cells.nogil(record))
            else:
                row += cells.interp(record).values()
        row.append(_joined(record["date"] for record in mine.values()))
        row.append(_notes({_python(leg, records[leg]): each for leg, each in mine.items()}))
        yield tuple(row)


def _versions(by_python: Mapping[str, Mapping[str, Any]]) -> str:
    """The newest that each Python got; which one, where they differ."""
    found: dict[str, list[str]] = {}
    for python, record in by_python.items():
        if "version" in record:
            found.setdefault(record["version"], []).append(python)
    if len(found) < 2:
        return "".join(found)
    return ", ".join(f"{version} ({', '.join(pythons)})" for version, pythons in found.items())


def _joined(texts: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, texts)))


def _notes(by_python: Mapping[str, Mapping[str, Any]]) -> str:
    """What is said of several Pythons alike is said once."""
    said: dict[str, list[str]] = {}
    for python, record in by_python.items():
        names = cells.culprits(record)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        text = cells.note(record) or ", ".join(names[:_SHOWN]) + more
        if text:
            said.setdefault(text, []).append(python)
    return "; ".join(f"{text} ({', '.join(pythons)})" for text, pythons in said.items())


def _markdown(records: Records) -> str:
    rows = [tuple(cell.replace("|", "\\|") for cell in row) for row in _rows(records)]
    heading = _heading(records)
    parts = [
        NOTE,
        f"# {_TITLE}",
        _QUESTION,
        f"**{_answer(records)}**",
        "[The same to search and sort](index.html): one file, for a browser.",
        _READING,
        Table(heading, rows, labels=len(heading)).markdown(),
        f"To repeat it: `python -m experiments.{_NAME}`, with a package's name for that alone. "
        "Raw data, with the chain of imports to each module: [records.json](records.json)",
    ]
    return "\n\n".join(parts) + "\n"


def _html(records: Records) -> str:
    def cell(text: str) -> str:
        kind = "yes" if text.startswith(cells.YES) else "none" if text == cells.NOT_TRIED else "no"
        return f'<td class="{kind}">{html.escape(text)}</td>'

    heads = "".join(
        f'<th aria-sort="none"><button>{html.escape(title)}</button></th>'
        for title in _heading(records)
    )
    lines = []
    for package, version, *answers, date, notes in _rows(records):
        plain = [f"<td>{html.escape(text)}</td>" for text in (package, version, date, notes)]
        middle = "".join(map(cell, answers))
        lines.append(f"<tr>{plain[0]}{plain[1]}{middle}{plain[2]}{plain[3]}</tr>")
    reading = html.escape(_READING.replace("`", ""))
    question = html.escape(_QUESTION.replace("`", ""))
    body = "\n".join(lines)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{_TITLE}</title>
<style>{STYLE}</style>
<h1>{_TITLE}</h1>
<p>{question}</p>
<p><b>{html.escape(_answer(records))}</b></p>
<p>{reading}</p>
<p><label>Search <input id="search" type="search" placeholder="name, module, answer"></label>
<span id="count"></span></p>
<table><thead><tr>{heads}</tr></thead>
<tbody>
{body}
</tbody></table>
<script>{SCRIPT}</script>
</html>
"""
