"""Raw results by study, and the marked places in Markdown files that tables are generated into."""

import datetime
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_BLOCK = re.compile(
    r"(?P<begin><!-- generated: (?P<study>[a-z_]+) (?P<table>[a-z_]+) -->\n)"
    r"(?P<content>.*?)(?P<end><!-- end generated -->)",
    re.DOTALL,
)
_RAW = re.compile(r"\d{4}-\d{2}-\d{2}T.*\.json")


def new_file(results: Path, study: str, about: dict[str, Any]) -> Path:
    """Where a study's raw data go: named by date, host and commit, so that names sort by date."""
    moment = datetime.datetime.fromisoformat(about["date"]).strftime("%Y-%m-%dT%H%M")
    folder = results / study
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{moment}-{about['host']}-{about['commit']}.json"


def newest(results: Path, study: str) -> Path | None:
    """The latest raw data of a study; None if there are none."""
    found = [path for path in (results / study).glob("*.json") if _RAW.fullmatch(path.name)]
    return max(found, key=lambda path: path.name, default=None)


def write(path: Path, raw: dict[str, Any]) -> None:
    """Write raw data whole or not at all: a run that is interrupted leaves the last state."""
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
    partial.replace(path)


def documents(root: Path) -> Iterator[Path]:
    """The Markdown files of a repository that may have generated tables."""
    yield from sorted(root.glob("*.md"))
    yield from sorted((root / "results").rglob("*.md"))


def fill(text: str, generate: Callable[[str, str], str]) -> str:
    """Put `generate(study, table)` between each pair of markers of a Markdown text."""

    def replace(match: re.Match[str]) -> str:
        content = generate(match["study"], match["table"])
        return f"{match['begin']}\n{content}\n\n{match['end']}"

    return _BLOCK.sub(replace, text)
