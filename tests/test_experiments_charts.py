"""Charts: that they are SVG, say what they show, and are the same each time."""

from xml.etree import ElementTree

import pytest

from experiments.harness import charts
from experiments.harness.charts import Bar
from experiments.harness.figures import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_FIGURE = Figure(50.0, 40.0, 60.0, 5)


def _texts(drawing: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(drawing).iter(f"{_SVG}text")]


def _bars() -> str:
    groups = {
        "one": [Bar("a & b", _FIGURE), Bar("gone", None)],
        "": [Bar("memory", _FIGURE, series=1, inner=Figure(25.0, 20.0, 30.0, 5))],
    }
    return charts.bars("A <title>", groups, "speed, m/s", series=("x", "y"), reference=55.0)


def test_bars() -> None:
    drawing = _bars()
    texts = _texts(drawing)
    assert {"a & b", "one", "speed, m/s", "50 [40, 60]", "failed", "x", "y", "0", "60"} <= {*texts}
    root = ElementTree.fromstring(drawing)
    assert root.findtext(f"{_SVG}title") == "A <title>"
    # Two bars, the part inside one of them, and two squares of the legend; beside the ground.
    rectangles = [each for each in root.findall(f"{_SVG}rect") if each.attrib["class"] != "ground"]
    assert len(rectangles) == 5
    inner, outer = (float(each.attrib["width"]) for each in (rectangles[-1], rectangles[-2]))
    assert inner == pytest.approx(outer / 2, abs=0.2)
    assert "prefers-color-scheme:dark" in drawing


def test_the_axis_ends_with_the_longest_bar() -> None:
    drawing = charts.bars("T", {"": [Bar("a", Figure(41.0, 41.0, 41.0, 1))]}, "m")
    assert {"0", "40"} <= {*_texts(drawing)}
    assert "50" not in _texts(drawing)
    root = ElementTree.fromstring(drawing)
    *_, bar = root.findall(f"{_SVG}rect")
    last = max(float(each.attrib["x1"]) for each in root.iter(f"{_SVG}line"))
    end = float(bar.attrib["x"]) + float(bar.attrib["width"])
    assert last < end < float(root.attrib["width"])


def test_no_line_crosses_a_heading() -> None:
    root = ElementTree.fromstring(_bars())
    headings = [each for each in root.iter(f"{_SVG}text") if each.attrib.get("class") == "name"]
    spans = [
        (float(each.attrib["y1"]), float(each.attrib["y2"])) for each in root.iter(f"{_SVG}line")
    ]
    assert len(headings) == 1
    assert spans
    for each in headings:
        y = float(each.attrib["y"])
        assert not any(top < y and bottom > y - 12 for top, bottom in spans)


def _lines(*, logarithmic: bool = False) -> str:
    series = {
        "up": [(1.0, Figure(10.0, 9.0, 11.0, 5)), (2.0, Figure(20.0, 19.0, 22.0, 5))],
        "flat": [(1.0, Figure(10.0, 10.0, 10.0, 1)), (2.0, Figure(10.0, 10.0, 10.0, 1))],
    }
    return charts.lines("T", series, x_axis="workers", y_axis="requests/s", logarithmic=logarithmic)


def test_lines() -> None:
    texts = _texts(_lines())
    assert {"up", "flat", "workers", "requests/s", "1", "2", "0"} <= {*texts}
    paths = ElementTree.fromstring(_lines()).findall(f"{_SVG}path")
    # Two lines, and the intervals of the one that has some.
    # Each with its ends, in the colour of the line.
    assert [each.attrib["class"] for each in paths].count("line l0 faint") == 6
    assert len(paths) == 8


def test_lines_on_a_logarithmic_axis() -> None:
    texts = _texts(_lines(logarithmic=True))
    assert {"5", "10", "20", "50"} <= {*texts}
    assert "0" not in texts
    # Nothing was measured.
    assert "1" in _texts(charts.lines("T", {}, x_axis="x", y_axis="y", logarithmic=True))


def test_the_same_each_time() -> None:
    assert _bars() == _bars()
    assert _lines() == _lines()


@pytest.mark.parametrize(
    ("highest", "marks"),
    [
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (97.0, [0, 20, 40, 60, 80, 100]),
        (90_000, [0, 20_000, 40_000, 60_000, 80_000, 100_000]),
        (0.0, [0, 1]),
    ],
)
def test_ticks(highest: float, marks: list[float]) -> None:
    assert charts.ticks(highest) == pytest.approx(marks)


def test_ticks_that_do_not_begin_at_zero() -> None:
    assert charts.ticks(9.0, lowest=4.2) == pytest.approx([4, 5, 6, 7, 8, 9])


def test_one_point_alone() -> None:
    drawing = charts.lines("T", {"a": [(3.0, _FIGURE)]}, x_axis="x", y_axis="y")
    assert "nan" not in drawing
    assert "3" in _texts(drawing)


def test_a_bar_that_is_cut_shows_its_number() -> None:
    groups = {"": [Bar("short", Figure(10.0, 9.0, 11.0, 3)), Bar("long", Figure(90.0, 8, 99.0, 3))]}
    whole, cut = (charts.bars("T", groups, "m", cut=limit) for limit in (100.0, 20.0))
    assert "bars with a gap are longer than shown" not in whole
    assert {"m; bars with a gap are longer than shown", "90 [8, 99]"} <= {*_texts(cut)}
    root = ElementTree.fromstring(cut)
    ends = [
        float(each.attrib["x"]) + float(each.attrib["width"])
        for each in root.findall(f"{_SVG}rect")[1:]
    ]
    number = next(each for each in root.iter(f"{_SVG}text") if each.text == "90 [8, 99]")
    assert max(ends) < float(number.attrib["x"]) < float(root.attrib["width"])


def test_a_line_without_points_is_in_the_legend() -> None:
    series = {"there": [(1.0, _FIGURE), (2.0, _FIGURE)], "gone: failed": []}
    drawing = charts.lines("T", series, x_axis="x", y_axis="y")
    assert "gone: failed" in _texts(drawing)
    paths = [*ElementTree.fromstring(drawing).iter(f"{_SVG}path")]
    assert paths
    assert all("L" in each.attrib["d"] for each in paths)
