"""Raw data by study, what is made of them, and the places in Markdown that tables go into."""

import datetime
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The first line of every page that is made.
NOTE = "<!-- Made by `python -m experiments.report` from the raw data. Edits are lost. -->"

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


def raw(results: Path, study: str) -> list[Path]:
    """The raw data of a study, the latest last."""
    found = [path for path in (results / study).glob("*.json") if _RAW.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name)


def newest(results: Path, study: str) -> Path | None:
    """The latest raw data of a study; None if there are none."""
    return max(raw(results, study), default=None)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A study with a page of its own kind, made from its newest raw data, a JSON document.

    Attributes:
      name: of its folder of results.
      command: what makes it, for people.
      answer: the sentence that the raw data answer the question with.
      body: what stands between that and where and when it was measured, a paragraph each.
      shown: what the index calls the page.
    """

    name: str
    title: str
    question: str
    command: str
    answer: Callable[[Any], str]
    body: Callable[[Any], Sequence[str]]
    shown: str = "Table and raw data"

    def made(self, results: Path) -> dict[Path, str]:
        """The page by its file; nothing where nothing has been measured."""
        path = newest(results, self.name)
        if path is None:
            return {}
        raw = json.loads(path.read_text())
        about = raw["about"]
        parts = [
            NOTE,
            f"# {self.title}",
            self.question,
            f"**{self.answer(raw)}**",
            *self.body(raw),
            f"Begun {about['begun']} at commit {about['subsrv_commit']}. To repeat it: "
            f"`{self.command}`. Raw data: [{path.name}]({path.name})",
        ]
        return {results / self.name / "README.md": "\n\n".join(parts) + "\n"}

    def section(self, results: Path) -> str:
        """What the index says of the study."""
        return section(
            results,
            self.name,
            title=self.title,
            question=self.question,
            command=self.command,
            answer=lambda path: self.answer(json.loads(path.read_text())),
            shown=f"[{self.shown}]",
        )


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
