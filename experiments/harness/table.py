"""Tables for people: aligned for a terminal, or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A heading and rows of text; the first `labels` columns align left, the others right."""

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    labels: int = 1

    def text(self) -> str:
        """The table with its columns aligned by spaces."""
        lines = [self.heading, ["-" * width for width in self._widths()], *self.rows]
        return "\n".join("  ".join(self._pad(line)).rstrip() for line in lines)

    def markdown(self) -> str:
        """The table in GitHub's Markdown, readable unrendered as well."""
        rule = [
            "-" * width if column < self.labels else "-" * (width - 1) + ":"
            for column, width in enumerate(self._widths())
        ]
        lines = [self.heading, rule, *self.rows]
        return "\n".join(f"| {' | '.join(self._pad(line))} |" for line in lines)

    def _widths(self) -> list[int]:
        columns = zip(self.heading, *self.rows, strict=True)
        return [max(3, *(len(cell) for cell in column)) for column in columns]

    def _pad(self, line: Sequence[str]) -> list[str]:
        cells = zip(line, self._widths(), strict=True)
        return [
            cell.ljust(width) if column < self.labels else cell.rjust(width)
            for column, (cell, width) in enumerate(cells)
        ]


def spread(values: Sequence[float], digits: int) -> str:
    """The range of some values, "1.20..1.31"."""
    return f"{min(values):,.{digits}f}..{max(values):,.{digits}f}"
