"""From raw data to published tables, and the check that they agree."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import report
from experiments.harness import publish
from experiments.harness.section import Target, cells, median, targets_table
from experiments.harness.table import Table
from experiments.sections import overhead
from experiments.tables import bench, hello

_TABLE = Table(("what", "µs"), [("floor", "6.4"), ("a server", "12.80")])


def test_text() -> None:
    assert _TABLE.text().splitlines() == [
        "what         µs",
        "--------  -----",
        "floor       6.4",
        "a server  12.80",
    ]


def test_markdown() -> None:
    assert _TABLE.markdown().splitlines() == [
        "| what     |    µs |",
        "| -------- | ----: |",
        "| floor    |   6.4 |",
        "| a server | 12.80 |",
    ]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        Table(("one", "two"), [("only one",)]).text()


def test_cells() -> None:
    assert cells([1.0, 3.0, 2.004], 2) == ("2.00", "1.00..3.00")
    assert cells([12345.6], 0) == ("12,346", "12,346..12,346")
    assert cells([], 2) == ("n/a", "")
    assert median([]) is None


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target("at most", 1.5, 1.5), True),
        (Target("at most", 1.51, 1.5), False),
        (Target("at least", 1.9, 1.9, least=True), True),
        (Target("at least", 1.89, 1.9, least=True), False),
        (Target("unknown", None, 1.5), False),
    ],
)
def test_targets(target: Target, met: bool) -> None:
    assert target.met is met
    assert ("MISSED" in targets_table([target]).text()) is not met


_ENVIRONMENT = {
    "date": "2026-01-02T03:04:05+00:00",
    "commit": "0123456789",
    "host": "example",
    "kernel": "6.18",
    "machine": "x86_64",
    "cpu_model": "A processor",
    "cpus": 2,
    "load_average": [0.1, 0.2, 0.3],
    "client": "wrk 4",
}
_FACTS = {
    "name": "3.14.0",
    "compiler": "GCC",
    "configure": ["--disable-gil"],
    "jit": False,
    "packages": {"flask": "3.1"},
}


def _turn(number: int, server: str, traffic: str, cpu: float) -> dict[str, Any]:
    return {
        "round": number,
        "server": server,
        "traffic": traffic,
        "cpu_per_request_us": cpu,
        "server_share": 0.9,
        "client_share": 0.96 if server == "floor" else 0.5,
        "report": {"requests_per_second": 1e6 / cpu},
    }


def _bench(**more: Any) -> dict[str, Any]:
    costs = {"floor": (6.0, 7.0), "native": (9.0, 14.0), "asgi": (15.0, 15.0)}
    return {
        "servers": list(costs),
        "rounds": [
            _turn(number, server, traffic, cost * number)
            for number in (1, 2, 3)
            for server, pair in costs.items()
            for traffic, cost in zip(("repeated", "varied"), pair, strict=True)
        ],
        "failures": {},
        "floor_note": None,
        "interpreters": {"interp": _FACTS},
        **more,
    }


def test_overhead_takes_ratios_round_by_round() -> None:
    # The machine becomes slower with each round: the ratios do not change.
    targets = {target.name: target for target in overhead.targets(_bench())}
    assert targets["native, x floor"].value == pytest.approx(1.5)
    assert targets["native, varied x repeated"].value == pytest.approx(14 / 9)
    assert targets["asgi, x floor"].value == pytest.approx(2.5)
    assert not targets["asgi, x floor"].met
    table, remark = overhead.tables(_bench())
    assert isinstance(table, Table)
    assert table.rows[2][:5] == ("native", "repeated", "18.00", "9.00..27.00", "1.50")
    assert remark == "The client was saturated (95% of a CPU) with: floor repeated, floor varied."


def test_overhead_without_a_floor() -> None:
    raw = _bench(failures={"floor": "no compiler"}, floor_note="no compiler")
    table, remark = overhead.tables(raw)
    assert isinstance(table, Table)
    assert table.rows[0][:2] == ("floor", "failed")
    assert table.rows[1][4] == "n/a"
    assert remark == "no compiler"
    assert [target.met for target in overhead.targets(raw)] == [False, True, False, True]


def test_the_tables_of_the_benchmark() -> None:
    raw = {
        "environment": _ENVIRONMENT,
        "load_average_after": [0.4, 0.5, 0.6],
        "sections": {"overhead": _bench(failures={"asgi": "it fell over"})},
    }
    text = bench.TABLES["overhead"](raw)
    assert "| native | repeated |" in text
    assert "Failed: asgi: it fell over" in text
    assert "share" in text
    assert bench.TABLES["memory"](raw) == "*Not measured in this run.*"
    assert "CPython 3.14.0: GCC, configured with --disable-gil" in bench.TABLES["environment"](raw)


def _point(
    app: str, mode: str, *, rate: float = 0.0, number: int = 1, **more: Any
) -> dict[str, Any]:
    point = {
        "app": app,
        "mode": mode,
        "free_threaded": mode == "nogil",
        "workers": 2,
        "round": number,
        "python": "3.14.0",
    }
    measured = {
        "before": [{"gil": mode != "nogil"}] * 2,
        "after": [{"gil": mode != "nogil"}] * 2,
        "report": {"requests_per_second": rate, "latency_mean": 0.0012, "latency_max": 0.0345},
        "cpu_per_request_us": 12.34,
        "server_share": 1.5,
        "client_share": 0.5,
        "thread_cpu": [0.9, 0.6, 0.01],
        "memory_after": {"pss": 40_000, "uss": 30_000},
        "seconds_to_ready": 0.25,
    }
    return point | (more or measured)


def _hello() -> dict[str, Any]:
    return {
        "environment": _ENVIRONMENT,
        "load_average_after": [0.4, 0.5, 0.6],
        "settings": {
            "command": "wrk -t1 -c256 -d30s URL/",
            "rounds": 2,
            "apps": ["native", "flask"],
            "modes": [["interp", False], ["nogil", True]],
            "workers": [2],
        },
        "interpreters": {"gil": _FACTS},
        "points": [
            _point("native", "interp", rate=50_000.0),
            _point("flask", "nogil", failure="cannot load\nModuleNotFoundError"),
            _point("native", "interp", rate=70_000.0, number=2),
            _point("native", "nogil", rate=20_000.0),
        ],
    }


def _rows(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_everything_of_the_hello_study() -> None:
    text = hello.everything(_hello())
    interp, nogil, flask = _rows(text)
    assert interp == [
        *("native", "interp", "3.14.0", "on", "2", "60,000 (50,000..70,000)", "1.20", "34.50"),
        *("12.3", "1.50", "0.50", "60% : 40%", "41.0", "0.25"),
    ]
    assert nogil[:6] == ["native", "nogil", "3.14.0", "off", "2", "20,000"]
    assert flask[:6] == ["flask", "nogil", "3.14.0", "", "2", "failed (1 of 1)"]
    assert "- flask, nogil, CPython 3.14.0, 2 worker(s): cannot load / ModuleNotFoundError" in text
    assert "Client and server shared 2 CPUs" in text


def test_summary_of_the_hello_study_begins_in_2015() -> None:
    then, interp, nogil = _rows(hello.summary(_hello()))
    assert then[1:] == ["1", "7,502", "33.89", "931.00"]
    assert interp[:2] == ["subsrv, interp, CPython 3.14.0", "2"]
    assert nogil[2] == "20,000"


_DOCUMENT = """\
# A study

<!-- generated: hello everything -->
<!-- end generated -->

Between them.

<!-- generated: hello summary -->
| an old | table |
<!-- end generated -->
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "results" / "hello").mkdir(parents=True)
    (tmp_path / "results" / "hello" / "README.md").write_text(_DOCUMENT)
    return tmp_path


def test_report_fills_and_checks(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = repository / "results" / "hello" / "README.md"
    older = publish.new_file(repository / "results", "hello", _ENVIRONMENT)
    assert older.name == "2026-01-02T0304-example-0123456789.json"
    publish.write(older, {})
    newer = older.with_name(older.name.replace("2026", "2027"))
    publish.write(newer, _hello())
    assert report.main(["--check"], repository) == 1
    assert "results/hello/README.md differs" in capsys.readouterr().out
    assert readme.read_text() == _DOCUMENT

    assert report.main([], repository) == 0
    text = readme.read_text()
    assert "| native " in text
    assert "an old" not in text
    assert f"*Raw data: hello/{newer.name}*" in text
    assert "Between them." in text
    assert report.main(["--check"], repository) == 0

    readme.write_text(text.replace("60,000", "61,000"))
    assert report.main(["--check"], repository) == 1

    raw = _hello()
    raw["points"][0]["report"]["requests_per_second"] = 1.0
    publish.write(newer, raw)
    assert report.main([], repository) == 0
    assert "35,000" in readme.read_text()


def test_report_without_raw_data(repository: Path) -> None:
    # Figures that are not measurements of ours do not count.
    (repository / "results" / "hello" / "2015.json").write_text("{}")
    assert report.main([], repository) == 0
    text = (repository / "results" / "hello" / "README.md").read_text()
    assert text.count("*Not measured yet.*") == 2


@pytest.mark.parametrize(
    ("marker", "error"),
    [("hello nothing", KeyError), ("nothing summary", ModuleNotFoundError)],
)
def test_report_of_an_unknown_table(repository: Path, marker: str, error: type[Exception]) -> None:
    (repository / "README.md").write_text(f"<!-- generated: {marker} -->\n<!-- end generated -->")
    with pytest.raises(error):
        report.main([], repository)


def test_an_interrupted_write_leaves_the_last_state(tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    publish.write(path, {"points": 1})
    with pytest.raises(TypeError):
        publish.write(path, {"points": object()})
    assert json.loads(path.read_text()) == {"points": 1}


def test_the_published_tables_agree_with_their_raw_data() -> None:
    assert report.main(["--check"]) == 0
