"""Raw data by study, and the marked places in Markdown files that tables are generated into."""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

_BLOCK = re.compile(
    r"(?P<begin><!-- generated: (?P<study>[a-z_0-9]+) (?P<part>[^\n]+?) -->\n)"
    r"(?P<content>.*?)(?P<end><!-- end generated -->)",
    re.DOTALL,
)
_RAW = re.compile(r"\d{4}-\d{2}-\d{2}T.*\.json")


def new_file(results: Path, study: str, about: Mapping[str, Any]) -> Path:
    """Where a study's raw data go: named by date, host and commit, so that names sort by date."""
    moment = datetime.datetime.fromisoformat(str(about["begun"])).strftime("%Y-%m-%dT%H%M")
    folder = results / study
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{moment}-{about['hostname']}-{about['subsrv_commit']}.json"


def newest(results: Path, study: str) -> Path | None:
    """The latest raw data of a study; None if there are none."""
    found = [path for path in (results / study).glob("*.json") if _RAW.fullmatch(path.name)]
    return max(found, key=lambda path: path.name, default=None)


def section(
    results: Path,
    study: str,
    *,
    title: str,
    question: str,
    command: str,
    answer: Callable[[Path], str],
    shown: str = "[Table and raw data]",
) -> str:
    """What the index says of a study with a page of its own kind.

    Args:
      answer: the sentence that the raw data in a file answer the question with.
      shown: what the link to the page says, after whatever is to stand before it.
    """
    path = newest(results, study)
    if path is None:
        return f"## {title}\n\nNot measured yet: `{command}`."
    return (
        f"## [{title}]({study}/README.md)\n\n{question}\n\n**{answer(path)}**\n\n"
        f"{shown}({study}/README.md). To repeat it: `{command}`."
    )


def documents(root: Path) -> Iterator[Path]:
    """The Markdown files of a repository that may have places to fill; results are made whole."""
    yield from sorted(root.glob("*.md"))


def fill(text: str, generate: Callable[[str, str], str]) -> str:
    """Put `generate(study, part)` between each pair of markers of a Markdown text."""

    def replace(match: re.Match[str]) -> str:
        content = generate(match["study"], match["part"])
        return f"{match['begin']}\n{content}\n\n{match['end']}"

    return _BLOCK.sub(replace, text)
