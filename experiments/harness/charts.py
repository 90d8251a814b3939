"""Charts of a study's figures: horizontal bars, and lines over a number, both with intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.harness.figures import Figure
from experiments.harness.svg import CHARACTER, SERIES, Drawing

_WIDTH = 760.0
_BAR, _GAP, _GROUP_GAP = 16.0, 5.0, 12.0
_TOP, _BOTTOM, _LEFT, _RIGHT = 16.0, 44.0, 64.0, 24.0
_LINES_HEIGHT = 380.0
_LEGEND = 20.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `series` chooses its colour; `inner` is a part of it, drawn solid inside."""

    label: str
    figure: Figure | None
    series: int = 0
    inner: Figure | None = None
    failed: str = "failed"


def ticks(highest: float, *, lowest: float = 0.0, wanted: int = 6) -> list[float]:
    """Round numbers from `lowest` to at least `highest`."""
    span = highest - lowest
    if span <= 0:
        return [lowest, lowest + 1.0]
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.floor(lowest / step + 1e-9)
    last = math.ceil(highest / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def tick_text(value: float) -> str:
    """A number on an axis."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:.4g}"


def bars(
    title: str,
    groups: Mapping[str, Sequence[Bar]],
    axis: str,
    *,
    digits: int = 0,
    series: Sequence[str] = (),
    reference: float | None = None,
    cut: float | None = None,
) -> str:
    """Horizontal bars from zero, each with its interval and its number.

    Args:
      groups: bars under headings; a heading may be empty.
      axis: what is measured, with its unit.
      series: names of the colours, where they mean something.
      reference: where to draw a line across.
      cut: where bars end that are longer: with a gap, and the axis says so. Some that are many
        times as long as the others would leave nothing to be seen of these.
    """
    rows = [bar for each in groups.values() for bar in each]
    highest = max([bar.figure.high for bar in rows if bar.figure] + [reference or 0.0]) or 1.0
    if cut is not None and highest > cut:
        highest = cut
        axis = f"{axis}; bars with a gap are longer than shown"
    # The longest bar may end beyond the last mark: an axis that went on would make all shorter.
    marks = [mark for mark in ticks(highest) if mark <= highest * 1.001]
    left = 16 + CHARACTER * max(len(bar.label) for bar in rows)
    numbers = [bar.figure.text(digits) if bar.figure else bar.failed for bar in rows]
    right = 16 + CHARACTER * max(map(len, numbers))
    headings = sum(bool(heading) for heading in groups)
    legend = _LEGEND if series else 0.0
    height = (
        _TOP + legend + len(rows) * (_BAR + _GAP) + headings * (_BAR + _GAP)
        + len(groups) * _GROUP_GAP + _BOTTOM
    )  # fmt: skip
    drawing = Drawing(_WIDTH, height, title)
    plot = _WIDTH - left - right
    x = Scale(0.0, highest, left, left + plot)
    bottom = height - _BOTTOM
    for mark in marks:
        drawing.text(x(mark), bottom + 16, tick_text(mark), anchor="middle", kind="small")
    drawing.text(left + plot / 2, bottom + 34, axis, anchor="middle")
    _legend(drawing, series, lines=False)
    y = _TOP + legend + _GAP
    for heading, each in groups.items():
        if heading:
            drawing.text(10, y + _BAR - 4, heading, kind="name")
            y += _BAR + _GAP
        _ground(drawing, x, marks, (y - _GAP, y + len(each) * (_BAR + _GAP)), reference)
        for bar in each:
            _bar(drawing, bar, y, x, digits)
            y += _BAR + _GAP
        y += _GROUP_GAP
    return drawing.dumps()


def _ground(
    drawing: Drawing,
    x: "Scale",
    marks: Sequence[float],
    between: tuple[float, float],
    reference: float | None,
) -> None:
    """The lines behind and beside one group of bars: none of them crosses a heading."""
    top, bottom = between
    for mark in marks:
        drawing.line(x(mark), top, x(mark), bottom, "grid")
    drawing.line(x(0), top, x(0), bottom, "axis")
    if reference is not None:
        drawing.line(x(reference), top, x(reference), bottom, "reference")


def _bar(drawing: Drawing, bar: Bar, y: float, x: "Scale", digits: int) -> None:
    drawing.text(x(0) - 6, y + _BAR - 4, bar.label, anchor="end")
    if bar.figure is None:
        drawing.text(x(0) + 6, y + _BAR - 4, bar.failed, kind="small")
        return
    kind = f"f{bar.series}"
    outer = f"{kind} band" if bar.inner else f"{kind} faint"
    if bar.figure.high > x.high:
        _longer(drawing, bar, y, x, digits)
        return
    length = x(bar.figure.value) - x(0)
    drawing.rectangle(x(0), y, length, _BAR, "ground")  # no grid shines through
    drawing.rectangle(x(0), y, length, _BAR, outer)
    if bar.inner:
        drawing.rectangle(x(0), y, x(bar.inner.value) - x(0), _BAR, kind)
    middle = y + _BAR / 2
    low, high = x(bar.figure.low), x(bar.figure.high)
    if bar.figure.n > 1:
        drawing.path([(low, middle), (high, middle)], "error")
        for end in (low, high):
            drawing.path([(end, middle - 4), (end, middle + 4)], "error")
    beside = max(high, x(bar.figure.value)) + 6
    drawing.text(beside, y + _BAR - 4, bar.figure.text(digits), kind="small number")


def _longer(drawing: Drawing, bar: Bar, y: float, x: "Scale", digits: int) -> None:
    """A bar that goes on beyond the scale: cut near its end, its interval in numbers only."""
    assert bar.figure is not None
    length = x(x.high) - x(0)
    drawing.rectangle(x(0), y, length, _BAR, "ground")
    drawing.rectangle(x(0), y, length, _BAR, f"f{bar.series} faint")
    drawing.rectangle(x(0) + length - 18, y, 6, _BAR, "ground")
    shown = bar.figure.text(digits)
    drawing.text(x(x.high) + 6, y + _BAR - 4, shown, kind="small number")


def lines(
    title: str,
    series: Mapping[str, Sequence[tuple[float, Figure]]],
    *,
    x_axis: str,
    y_axis: str,
    from_zero: bool = True,
    logarithmic: bool = False,
    x_names: Mapping[float, str] | None = None,
    ideal: Sequence[tuple[float, float]] = (),
) -> str:
    """Lines with markers and intervals over a number.

    Args:
      series: points by name; the order chooses the colours. One without points stands in the
        legend only, so that what failed is seen to lack.
      from_zero: whether the vertical axis begins there.
      logarithmic: the vertical axis; it then begins at a power of ten.
      x_names: what stands at the marks of the horizontal axis, where numbers would not do.
      ideal: a dashed line to compare with.
    """
    points = [point for each in series.values() for point in each]
    xs = sorted({x for x, _ in points}) or [0.0]
    highest = max([figure.high for _, figure in points] + [y for _, y in ideal], default=1.0)
    lowest = min((figure.low for _, figure in points), default=1.0 if logarithmic else 0.0)
    rows = math.ceil(len(series) / 4)
    top = _TOP + _LEGEND * rows
    height = _LINES_HEIGHT + _LEGEND * rows
    bottom = height - _BOTTOM - 4
    marks = (
        _decades(lowest, highest)
        if logarithmic
        else ticks(highest, lowest=0.0 if from_zero else lowest)
    )
    left, right = _LEFT + 12, _WIDTH - _RIGHT
    drawing = Drawing(_WIDTH, height, title)
    x = Scale(xs[0], xs[-1], left + 24, right - 24)
    y = Scale(marks[0], marks[-1], bottom, top, logarithmic=logarithmic)
    for mark in marks:
        drawing.line(left, y(mark), right, y(mark), "grid")
        drawing.text(left - 6, y(mark) + 4, tick_text(mark), anchor="end", kind="small")
    for each in xs if x_names or len(xs) <= 12 else ticks(xs[-1], lowest=xs[0]):
        name = (x_names or {}).get(each, tick_text(each))
        drawing.text(x(each), bottom + 16, name, anchor="middle", kind="small")
    drawing.text((left + right) / 2, bottom + 36, x_axis, anchor="middle")
    drawing.upright(16, (top + bottom) / 2, y_axis)
    drawing.line(left, top, left, bottom, "axis")
    drawing.line(left, bottom, right, bottom, "axis")
    if ideal:
        drawing.path([(x(a), y(b)) for a, b in ideal], "line reference")
    for index, line in enumerate(series.values()):
        _series(drawing, index, line, x, y)
    _legend(drawing, list(series), lines=True)
    return drawing.dumps()


def _series(
    drawing: Drawing, index: int, points: Sequence[tuple[float, Figure]], x: "Scale", y: "Scale"
) -> None:
    if not points:
        return
    # Apart and in the line's colour, so that it is seen whose interval each is.
    shift = (index % 5 - 2) * 4.0
    kind = f"line l{index % SERIES}"
    placed = [(x(at) + shift, figure) for at, figure in points]
    drawing.path([(at, y(figure.value)) for at, figure in placed], kind)
    for at, figure in placed:
        if figure.n > 1:
            low, high = y(figure.low), y(figure.high)
            drawing.path([(at, low), (at, high)], f"{kind} faint")
            for end in (low, high):
                drawing.path([(at - 3, end), (at + 3, end)], f"{kind} faint")
        drawing.marker(at, y(figure.value), index)


def _legend(drawing: Drawing, names: Sequence[str], *, lines: bool) -> None:
    for index, name in enumerate(names):
        at = 24 + (index % 4) * (_WIDTH - 40) / 4
        y = _TOP + (index // 4) * _LEGEND
        if lines:
            drawing.marker(at, y - 4, index)
        else:
            drawing.rectangle(at - 5, y - 9, 10, 10, f"f{index}")
        drawing.text(at + 11, y, name, kind="small")


class Scale:
    """From a value to a coordinate; `high` is the highest value."""

    def __init__(
        self, low: float, high: float, begin: float, end: float, *, logarithmic: bool = False
    ) -> None:
        self.high = high
        self._form = math.log10 if logarithmic else float
        self._low, self._span = self._form(low), self._form(high) - self._form(low)
        self._begin, self._length = begin, end - begin

    def __call__(self, value: float) -> float:
        """Where the value stands."""
        part = (self._form(value) - self._low) / self._span if self._span else 0.5
        return self._begin + self._length * part


def _decades(lowest: float, highest: float) -> list[float]:
    """Powers of ten, and twice and five times these, around the values."""
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest))
    marks = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    below = max(mark for mark in marks if mark <= lowest * 1.0001)
    above = min(mark for mark in marks if mark >= highest * 0.9999)
    return [mark for mark in marks if below <= mark <= above]
