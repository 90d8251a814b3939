"""The live view, drawn without a terminal."""

import io

import pytest
from rich.console import Console

from admin.fakes import histogram, status
from subsrv.admin import client, command, top
from subsrv.admin.top import Course, screen, sparkline
from subsrv.errors import ConfigError, SubsrvError


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
    failed = {"begun": 1, "done": 0, "failed": 1, "error": "no shop"}
    console.print(screen(status(last_error="worker 1 died", reloads=failed), course, 150))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "http://127.0.0.1:8080  mode=interp" in shown
    assert "up 1m01s  12 MB" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert any(row[:2] == ["0", "ready"] for row in rows)
    assert any(row[:2] == ["1", "draining"] for row in rows)
    assert "last error: worker 1 died" in shown
    assert "not reloaded: no shop" in shown


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_courses_are_as_long_as_the_terminal_allows(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    course = Course()
    for second in range(40):
        course.add(status(), float(second))
    console.print(screen(status(), course, width))
    shown = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    row = next(line for line in shown if " ready " in line)
    assert row.endswith("interpreter 1")
    assert row.count("▁") == {80: 0, 100: 2 * 8, 200: 2 * 30}[width]


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


class Scripted:
    """A control address: what it is asked, and statuses that it answers one after the other."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *reloads: tuple[int, int, int, str]
    ) -> None:
        keys = ("begun", "done", "failed", "error")
        self.statuses = [status(reloads=dict(zip(keys, each, strict=True))) for each in reloads]
        self.asked: list[str] = []
        self.answer = (202, b"begun\n")
        monkeypatch.setattr(client, "status", lambda _: self.statuses.pop(0))
        monkeypatch.setattr(client, "request", self.request)
        monkeypatch.setattr(command, "_LOOK_AGAIN", 0.0)

    def request(self, _address: str, _method: str, target: str) -> tuple[int, bytes]:
        self.asked.append(target)
        return self.answer


def control(*words: str) -> int:
    return command.main(words[0], (*words[1:], "--control", "unix:here"))


def test_a_reload_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also for one that was under way, and may have loaded what there was before."""
    scripted = Scripted(monkeypatch, (1, 0, 0, ""), (2, 1, 0, ""), (2, 2, 0, ""))
    assert control("reload") == 0
    assert scripted.asked == ["/reload"]
    assert scripted.statuses == []
    assert capsys.readouterr().out == "reloaded: 2 workers\n"


def test_a_reload_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Scripted(monkeypatch, (0, 0, 0, ""), (1, 0, 1, "no shop"))
    with pytest.raises(SubsrvError, match="not reloaded: no shop"):
        control("reload")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("scale", "0"), "argument WORKERS: want a whole number from 1, not '0'"),
        (("scale", "-1"), "argument WORKERS: want a whole number from 1, not '-1'"),
        (("scale", "two"), "argument WORKERS: want a whole number from 1, not 'two'"),
        (("drain", "²"), "argument WORKER: want a whole number from 0, not '²'"),
        (("top", "--interval", "0"), "argument --interval: want 0.1 seconds or more, not '0'"),
        (("top", "--interval", "nan"), "argument --interval: want 0.1 seconds or more, not 'nan'"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        control(*words)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("answer", [(200, b"Hello"), (404, b"no"), (202, b"begun"), (409, b"why")])
def test_only_what_was_begun_is_said_to_be(
    answer: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Scripted(monkeypatch).answer = answer
    if answer[0] == 202:
        assert control("drain", "1") == 0
        assert capsys.readouterr().out == "worker 1 is to finish, and will be replaced\n"
    else:
        with pytest.raises(SubsrvError, match="why" if answer[0] == 409 else "takes commands"):
            control("drain", "1")


@pytest.mark.parametrize("answer", [(200, b"Hello"), (200, b"[]"), (200, b"{}"), (404, b"no")])
def test_what_is_no_status_is_told(
    answer: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it is the public port that is asked."""
    monkeypatch.setattr(client, "request", lambda *_: answer)
    with pytest.raises(client.UnreachableError, match="here is not where a subsrv takes commands"):
        control("status")
