"""The live view, drawn without a terminal."""

import io

import pytest
from rich.console import Console

from admin.fakes import histogram, status
from subsrv.admin import client, command, top
from subsrv.admin.top import Course, screen, sparkline


def test_a_sparkline_is_as_tall_as_its_values() -> None:
    assert sparkline([0, 2, 8, 14, 20, -3], 14) == "▁▂▅██▁"
    assert sparkline([0, 0], 0) == "▁▁"


def test_a_course_is_the_difference_of_two_statuses() -> None:
    course = Course()
    before, after = status(), status()
    course.add(before, 10.0)
    assert course.rates == {}
    after["places"][0]["counters"]["requests"] = 107
    after["places"][0]["lag"] = histogram(0.002, 0.004, 0.008)
    course.add(after, 12.0)
    assert list(course.rates[0]) == [50.0]
    assert list(course.lags[0]) == [pytest.approx(6.0)]
    assert list(course.lags[1]) == [0.0]
    # A server that began anew counts from zero.
    course.add(before, 14.0)
    assert course.rates[0][-1] == 0.0


def test_the_screen_has_a_row_for_each_worker() -> None:
    console = Console(file=io.StringIO(), width=150)
    course = Course()
    course.add(status(), 0.0)
    course.add(status(), 1.0)
    console.print(screen(status(last_error="worker 1 died"), course))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "http://127.0.0.1:8080  mode=interp" in shown
    assert "up 1m01s  12 MB" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert any(row[:2] == ["0", "ready"] for row in rows)
    assert any(row[:2] == ["1", "draining"] for row in rows)
    assert "last error: worker 1 died" in shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5.9, "5s"), (61, "1m01s"), (3700, "1h01m"), (86400 * 3 + 7200, "3d2h")],
)
def test_an_age_is_short(seconds: float, text: str) -> None:
    assert top._age(seconds) == text


def test_top_goes_on_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(address: str) -> object:
        asked.append(address)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return status()

    monkeypatch.setattr(client, "status", ask)
    console = Console(file=io.StringIO(), force_terminal=True, width=150)
    with pytest.raises(KeyboardInterrupt):
        top.run("unix:here", 0.0, console)
    assert asked == ["unix:here"] * 3


def test_the_table_for_people() -> None:
    lines = command.table(status()).splitlines()
    assert lines[0].startswith("http://127.0.0.1:8080 mode=interp")
    assert lines[1].split() == [
        *("worker", "state", "age", "requests", "connections", "in", "flight", "lag", "ms", "id")
    ]
    assert lines[2].split()[:5] == ["0", "ready", "5s", "7", "0"]
    assert lines[-1] == "worker 1: it died"
