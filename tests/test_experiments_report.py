"""From raw data to published tables and plots, and the check that they agree."""

from pathlib import Path

import pytest
from experiments_fakes import configuration, study

from experiments import report, studies
from experiments.harness import charts, metrics, pages, publish
from experiments.harness.charts import Bar
from experiments.harness.configuration import TWIN
from experiments.harness.data import Data
from experiments.harness.launch import Launch, Series
from experiments.harness.record import Recording
from experiments.harness.study import Study, Target
from experiments.harness.table import Table

_ABOUT = {
    "begun": "2026-01-02T03:04:05+00:00",
    "subsrv_commit": "0123456789",
    "hostname": "example",
    "kernel": "6.18",
    "cpu_model_name": "A processor",
    "cpu_count": 2,
    "client": "wrk 4",
    "cpus_server": "0-1",
    "cpus_client": "0-1",
    "cpus_shared": "yes",
}
_BUILD = {
    "compiler": "GCC",
    "configure": ["--disable-gil"],
    "jit": False,
    "packages": {"flask": "3.1"},
}
_LOADS = {"load_avg_1min": 0.5, "load_avg_1min_after": 1.5}


def _launch(number: int, label: str, round_: int, seconds: float, client: float = 0.5) -> Launch:
    series = {
        metrics.RATE.name: Series("second", [seconds, seconds], [seconds * 2]),
        metrics.CPU.name: Series("second", [seconds / 2, seconds / 2]),
        metrics.CLIENT.name: Series("integer", [client, client]),
        metrics.P99.name: Series("second", [0.002, 0.002]),
        metrics.LAG.name: Series("second", [client / 1000, client / 1000]),
    }
    return Launch(number=number, label=label, round=round_, metadata=dict(_LOADS), series=series)


def _recording(seconds: float = 0.001, cpus: int = 2) -> Recording:
    recording = Recording(
        "trial",
        settings={"rounds": 3, "warm_up": 1, "values": 2, "seconds": 1, "seed": 7, "only": []},
        about={**_ABOUT, "cpu_count": cpus},
        configurations={
            label: {"load": "a load", "mode": label[:3]}
            for label in ("one", f"one{TWIN}", "two", "bad")
        },
    )
    recording.builds = {"3.99/abc": _BUILD}
    for round_ in (1, 2, 3):
        number = 3 * round_
        recording.launches += [
            _launch(number, "one", round_, seconds * round_),
            _launch(number + 1, f"one{TWIN}", round_, seconds * round_),
            _launch(number + 2, "two", round_, seconds * round_ / 2, client=0.99),
        ]
    failed = Launch(number=99, label="bad", round=1, metadata=dict(_LOADS), failure="it\nfell over")
    recording.launches.append(failed)
    return recording


def _plots(data: Data) -> dict[str, str]:
    bars = [Bar(label, data.figure(label, metrics.RATE)) for label in data.labels]
    return {"rate": charts.bars("Rate", {"": bars}, metrics.RATE.heading)}


def _study() -> Study:
    return study(
        configuration("one"),
        plots=_plots,
        targets=lambda data: [Target("two, x one", 0.5, 1.0), Target("nothing", None, 1.0)],
        limits=("It is a trial.",),
    )


def test_raw_data_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    recording = _recording()
    recording.save(path)
    again = Recording.load(path)
    assert again.launches == recording.launches
    assert again.dumps() == recording.dumps() == path.read_text()
    assert again.builds == recording.builds


def test_data() -> None:
    data = Data(_recording())
    assert data.labels == ["one", "two", "bad"]
    assert data.values("one", metrics.RATE) == pytest.approx([1000, 500, 1000 / 3])
    ratio = data.ratio("two", "one", metrics.RATE)
    assert ratio is not None
    # Round by round twice as fast, whatever the machine did meanwhile.
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((2, 2, 2))
    control = data.control(metrics.RATE)
    assert control is not None
    assert control.value == pytest.approx(1)
    compared = data.compare("two", "one", metrics.CPU)
    assert compared is not None
    assert compared.verdict == "lower"
    assert data.saturated() == ["two"]
    # By 0.99 ms; half a millisecond is little enough.
    assert data.late() == ["two"]
    assert data.failure("bad") == "it\nfell over"
    assert data.ratio("bad", "one", metrics.RATE) is None
    assert data.where(mode="two") == ["two"]
    assert data.one(mode="nothing") == ""


def test_a_log_that_is_empty_is_not_announced() -> None:
    assert pages._one_line("it failed\nthe server's log: ") == "it failed"
    assert pages._one_line("no\nthe server's log: x\ny") == "no / the server's log: x / y"


def test_a_page_says_everything() -> None:
    text = pages.page(_study(), Data(_recording()))
    assert "**It has 3 configurations.**" in text
    assert "![A trial: rate](rate.svg)" in text
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["one", "3", "500 [333, 1,000]", "1,000.0 [500.0, 1,500.0]"] in cells
    assert ["bad", "1", "failed", ""] in cells
    assert "- `bad`, 1 of 1 launch(es): it / fell over" in text
    assert "| two, x one |   ≤ 1 |     0.50 |          met |" in text
    assert "| nothing    |   ≤ 1 |          | not measured |" in text
    assert "- It is a trial." in text
    assert "Client and server shared CPUs 0-1" in text
    assert "shuffled in each round from seed 7" in text
    assert "A/A, `one` against itself: requests/s 1.00 [1.00, 1.00]" in text
    assert "no CPU time left with: `two`" in text
    assert "sent late with: `two`" in text
    assert "CPython 3.99/abc: GCC, configured with --disable-gil, JIT off; flask 3.1" in text
    assert "    python -m experiments.trial" in text


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(studies, "load", lambda: [_study()])
    (tmp_path / "results").mkdir()
    document = (
        "# Mine\n\n<!-- generated: trial Everything -->\nold\n<!-- end generated -->\n\nend\n"
    )
    (tmp_path / "README.md").write_text(document)
    return tmp_path


def _keep(repository: Path, year: str, seconds: float = 0.001, cpus: int = 2) -> Path:
    path = publish.new_file(repository / "results", "trial", _ABOUT)
    path = path.with_name(path.name.replace("2026", year))
    _recording(seconds, cpus).save(path)
    return path


def test_report_makes_and_checks(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _keep(repository, "2026")
    assert path.name == "2026-01-02T0304-example-0123456789.json"
    page, drawing = (path.with_name(name) for name in ("README.md", "rate.svg"))
    index = repository / "results" / "README.md"

    assert report.main(["--check"], repository) == 1
    said = capsys.readouterr().out
    assert "results/trial/README.md differs" in said
    assert "README.md differs" in said
    assert not page.exists()

    assert report.main([], repository) == 0
    assert "**It has 3 configurations.**" in page.read_text()
    assert f"[{path.name}]({path.name})" in page.read_text()
    assert drawing.read_text().startswith("<svg ")
    assert "## [A trial](trial/README.md)" in index.read_text()
    assert "![A trial: rate](trial/rate.svg)" in index.read_text()
    text = (repository / "README.md").read_text()
    assert "old" not in text
    assert text.endswith("<!-- end generated -->\n\nend\n")
    assert report.main(["--check"], repository) == 0

    for each in (page, drawing, index, repository / "README.md"):
        before = each.read_text()
        each.write_text(before.replace("1", "2", 1))
        assert report.main(["--check"], repository) == 1, each
        each.write_text(before)
    assert report.main(["--check"], repository) == 0

    # Newer raw data count.
    _keep(repository, "2027", seconds=0.002)
    assert report.main(["--check"], repository) == 1
    assert report.main([], repository) == 0
    assert "2027" in page.read_text()


def test_a_larger_machine_has_a_page_of_its_own(repository: Path) -> None:
    (repository / "README.md").write_text(
        "<!-- generated: trial Everything, 16 CPUs -->\n<!-- end generated -->\n"
        "<!-- generated: trial answer, 64 CPUs -->\n<!-- end generated -->\n"
    )
    small, large = _keep(repository, "2026"), _keep(repository, "2025", 0.002, cpus=16)
    assert report.main([], repository) == 0
    page, other = (small.with_name(name) for name in ("README.md", "16-cpus.md"))
    assert f"[{small.name}]({small.name})" in page.read_text()
    assert "[On 16 CPUs](16-cpus.md): It has 3 configurations." in page.read_text()
    text = other.read_text()
    assert "# A trial on 16 CPUs" in text
    assert f"[{large.name}]({large.name})" in text
    assert "![A trial: rate](16-cpus-rate.svg)" in text
    assert small.with_name("16-cpus-rate.svg").exists()
    index = (repository / "results" / "README.md").read_text()
    assert "**On 16 CPUs: It has 3 configurations.**" in index
    assert "(trial/16-cpus.md)" in index
    own = (repository / "README.md").read_text()
    assert "| one           |   3 |" in own
    assert "*Not measured yet.*" in own
    assert report.main(["--check"], repository) == 0

    # Without its raw data the page has no place.
    large.unlink()
    assert report.main(["--check"], repository) == 1
    assert report.main([], repository) == 0
    assert not other.exists()


def test_what_no_study_makes_is_removed(repository: Path) -> None:
    path = _keep(repository, "2026")
    assert report.main([], repository) == 0
    old = path.with_name("old.svg")
    old.write_text("<svg/>")
    assert report.main(["--check"], repository) == 1
    assert report.main([], repository) == 0
    assert not old.exists()


def test_report_without_raw_data(repository: Path) -> None:
    assert report.main([], repository) == 0
    assert "*Not measured yet.*" in (repository / "README.md").read_text()
    index = (repository / "results" / "README.md").read_text()
    assert "Not measured yet: `python -m experiments.trial`." in index


@pytest.mark.parametrize("marker", ["trial nothing", "nothing Everything"])
def test_report_of_an_unknown_part(repository: Path, marker: str) -> None:
    _keep(repository, "2026")
    (repository / "README.md").write_text(f"<!-- generated: {marker} -->\n<!-- end generated -->")
    with pytest.raises(KeyError):
        report.main([], repository)


def test_the_published_results_agree_with_their_raw_data() -> None:
    assert report.main(["--check"]) == 0


_TABLE = Table(("what", "µs"), [("floor", "6.4"), ("a server", "12.80")])


def test_a_table_as_text() -> None:
    assert _TABLE.text().splitlines() == [
        "what         µs",
        "--------  -----",
        "floor       6.4",
        "a server  12.80",
    ]


def test_a_table_as_markdown() -> None:
    assert _TABLE.markdown().splitlines() == [
        "| what     |    µs |",
        "| -------- | ----: |",
        "| floor    |   6.4 |",
        "| a server | 12.80 |",
    ]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        Table(("one", "two"), [("only one",)]).text()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target("at most", 1.5, 1.5), "met"),
        (Target("at most", 1.51, 1.5), "MISSED"),
        (Target("at least", 1.9, 1.9, least=True), "met"),
        (Target("at least", 1.89, 1.9, least=True), "MISSED"),
        (Target("unknown", None, 1.5), "not measured"),
    ],
)
def test_targets(target: Target, said: str) -> None:
    assert target.met is (said == "met")
    assert pages.targets_table([target]).rows[0][-1] == said
