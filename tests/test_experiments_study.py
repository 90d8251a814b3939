"""A study from its command line to its raw data, with a stand-in for wrk."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiments_fakes import HELLO, answering, configuration, install, study

from experiments.harness import command, cpus, metrics
from experiments.harness.configuration import TWIN
from experiments.harness.data import Data
from experiments.harness.measure import RoundError, measure
from experiments.harness.metrics import Metric
from experiments.harness.record import Recording
from experiments.harness.server import Server
from experiments.harness.study import Study, plan
from experiments.harness.wrk import Wrk
from subsrv.bench import processes


@pytest.fixture
def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "bin", monkeypatch)
    # The servers here are idle at once.
    monkeypatch.setattr(processes, "_IDLE_MOMENT", 0.01)


def _run(each: Study, path: Path, *options: str) -> tuple[int, Data]:
    status = command.main(each, ["--seed", "7", "--output", str(path), *options])
    return status, Data(Recording.load(path), path)


@pytest.mark.usefixtures("_stand_in")
def test_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "raw.json"
    each = study(configuration("good"), configuration("other", workers=2), rounds=2)
    status, data = _run(each, path)
    assert status == 0
    assert data.labels == ["good", "other"]
    assert data.controlled == "good"
    launches = data.recording.launches
    assert sorted((one.label, one.round) for one in launches) == sorted(
        (label, number) for label in ("good", f"good{TWIN}", "other") for number in (1, 2)
    )
    for one in launches:
        # Equal counts, and the warm-up apart.
        series = one.series[metrics.RATE.name]
        assert (len(series.values), len(series.warmups)) == (2, 1)
        assert len(one.series[metrics.READY.name].values) == 1
        assert one.metadata["python_version"] == "3.99"
        assert "load_avg_1min_after" in one.metadata
    # 200 requests in what wrk says was a second.
    assert data.values("good", metrics.RATE) == pytest.approx([200, 200])
    assert data.values("good", metrics.CPU)[0] > 0
    assert 50 <= data.values("other", metrics.BUSIEST)[0] <= 100
    output = capsys.readouterr()
    assert "It has 2 configurations." in output.out
    assert "A/A, `good` against itself: requests/s 1.00" in output.out
    assert "9/9" not in output.err
    assert "6 launches" in output.err
    _pyperf_reads(path)


def _pyperf_reads(path: Path) -> None:
    shown = subprocess.run(
        (sys.executable, "-m", "pyperf", "stats", str(path), "-b", "good: wall time per request"),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert re.search(r"Number of run with values.*: 2\n", shown)
    assert re.search(r"Number of value per run: 2\n", shown)
    assert re.search(r"Number of warmup per run: 1\n", shown)
    compared = subprocess.run(
        (sys.executable, "-m", "pyperf", "compare_to", str(path), str(path)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert compared.returncode == 0, compared.stderr


@pytest.mark.usefixtures("_stand_in")
def test_a_failure_is_no_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = configuration("bad", HELLO.replace("200 OK", "503 Busy"))
    status, data = _run(study(configuration("good"), bad), tmp_path / "raw.json", "--quick")
    assert status == 1
    assert data.values("bad", metrics.RATE) == []
    assert data.figure("bad", metrics.RATE) is None
    ((label, failed, launches, reason),) = data.failures()
    assert (label, failed, launches) == ("bad", 1, 1)
    assert "503 Busy" in reason
    assert "fake: ready" in reason, "the server's log is kept"
    assert "FAILED bad (1 of 1)" in capsys.readouterr().out
    # pyperf sees none of it.
    assert all(
        "bad" not in json.dumps(each)
        for each in json.loads((tmp_path / "raw.json").read_text())["benchmarks"]
    )


@pytest.mark.usefixtures("_stand_in")
def test_what_failed_is_not_launched_again(tmp_path: Path) -> None:
    bad = configuration("bad", HELLO.replace("200 OK", "503 Busy"))
    each = study(bad, configuration("good"), control="good")
    _, data = _run(each, tmp_path / "raw", "--quick", "--rounds", "2")
    labels = [one.label for one in data.recording.launches]
    assert labels.count("bad") == 1
    assert labels.count("good") == 2


@pytest.mark.usefixtures("_stand_in")
def test_all_may_fail(tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    status, data = _run(study(configuration("bad", "HTTP/1.1 500 No\r\n\r\n")), path, "--quick")
    assert status == 1
    assert len(data.failures()) == 2
    assert json.loads(path.read_text())["benchmarks"] == []


@pytest.mark.usefixtures("_stand_in")
def test_a_study_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    each = study(configuration("good"))
    status = command.main(
        each, ["--quick", "--rounds", "2", "--output", str(path), "--minutes", "1e-9"]
    )
    assert status == command.UNFINISHED
    assert not path.exists()

    _, data = _run(each, path, "--quick", "--rounds", "2")
    whole = data.recording
    kept = whole.launches[:2]
    whole.launches = list(kept)
    whole.save(path)
    assert command.main(each, ["--resume", str(path)]) == 0
    again = Recording.load(path)
    assert len(again.launches) == 4
    assert [one.metadata["date"] for one in again.launches[:2]] == [
        one.metadata["date"] for one in kept
    ]
    assert [(one.label, one.round) for one in again.launches] == [
        (label, number) for number, label in plan(["good", f"good{TWIN}"], rounds=2, seed=7)
    ]

    again.about["subsrv_commit"] = "another"
    again.save(path)
    assert command.main(each, ["--resume", str(path)]) == 1


def test_the_order_is_shuffled_and_repeatable() -> None:
    labels = ["a", "b", "c", "d", "e"]
    first = plan(labels, rounds=3, seed=1)
    assert first == plan(labels, rounds=3, seed=1)
    assert first != plan(labels, rounds=3, seed=2)
    for number in (1, 2, 3):
        assert sorted(label for turn, label in first if turn == number) == labels


@pytest.mark.usefixtures("_stand_in")
def test_only_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    each = study(configuration("one"), configuration("two"))
    assert command.main(each, ["--only", "two", "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["two", f"two{TWIN}"]
    assert command.main(each, ["--only", "three", "--output", str(tmp_path / "raw")]) == 1
    assert "no configuration has any of three" in capsys.readouterr().err


def test_labels_are_unique() -> None:
    with pytest.raises(ValueError, match="a label stands twice"):
        command.main(study(configuration("one"), configuration("one")), ["--list"])


_PAUSES = Metric("pauses", "integer", "pauses", digits=0)


@pytest.mark.usefixtures("_stand_in")
def test_a_configuration_observes_more(tmp_path: Path) -> None:
    asked: list[str] = []

    def observe(server: Server) -> dict[Metric, float]:
        asked.append(server.url)
        return {_PAUSES: len(asked)}

    path = tmp_path / "raw.json"
    _, data = _run(study(configuration("good", observe=observe), rounds=1), path)
    # The warm-up's is apart; the twin's launch goes on counting.
    first, second = data.positions("good", _PAUSES)
    assert second.value == first.value + 1
    values = [one.series["pauses"] for one in data.recording.launches]
    assert sorted(value for series in values for value in series.warmups) == [1, 4]
    assert sorted(value for series in values for value in series.values) == [2, 3, 5, 6]


@pytest.mark.usefixtures("_stand_in")
def test_a_value_of_zero_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    each = study(configuration("good", observe=lambda _: {_PAUSES: 0}), rounds=1)
    status, data = _run(each, path)
    assert status == 0
    assert data.figure("good", _PAUSES) is None
    assert data.figure("good", metrics.RATE) is not None


def test_the_study_wants_wrk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(study(configuration("good")), ["--quick"]) == 1
    assert "apt-get install wrk" in capsys.readouterr().err


def test_measuring_with_wrk() -> None:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    _measures()


@pytest.mark.usefixtures("_stand_in")
def test_measuring_looks_at_sizes() -> None:
    _measures()
    with Server(answering()) as server, pytest.raises(RoundError, match="instead of 200"):
        measure(server, Wrk(connections=8), seconds=1, number=1, workers=1, response_size=200)


def _measures() -> None:
    with Server(answering()) as server:
        found = measure(
            server,
            Wrk(connections=8, percentiles=True),
            seconds=1,
            number=1,
            workers=1,
            response_size=len(HELLO),
        )
    assert found[metrics.CPU] > 0
    assert 0 < found[metrics.SERVER_CPUS] <= 1.5
    assert found[metrics.SWITCHES] > 0
    assert found[metrics.P50] <= found[metrics.P90] <= found[metrics.P99]


def test_cpus_are_split_where_there_are_enough() -> None:
    few = cpus.split([0, 1])
    assert few.shared
    assert few.alone is None
    assert few.metadata() == {"cpus_server": "0-1", "cpus_client": "0-1", "cpus_shared": "yes"}


def test_cpus_of_one_core_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = {cpu: frozenset({cpu % 4, cpu % 4 + 4}) for cpu in range(8)}
    monkeypatch.setattr(cpus, "_siblings", cores.__getitem__)
    many = cpus.split(range(8))
    assert not many.shared
    assert many.metadata() == {"cpus_server": "0-2,4-6", "cpus_client": "3,7", "cpus_shared": "no"}


@pytest.mark.parametrize(
    ("client", "found"),
    [(1, ("0-2,4-6", "3,7")), (2, ("0-2,4-6", "3,7")), (3, ("0-1,4-5", "2-3,6-7"))],
)
def test_the_client_gets_whole_cores(
    client: int, found: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = {cpu: frozenset({cpu % 4, cpu % 4 + 4}) for cpu in range(8)}
    monkeypatch.setattr(cpus, "_siblings", cores.__getitem__)
    split = cpus.split(range(8), client=client)
    assert (cpus.ranges(split.server), cpus.ranges(split.client)) == found
    assert split.alone == split.client


@pytest.mark.parametrize(("there", "client"), [(2, 1), (8, 8)])
def test_a_client_cannot_have_all_cpus(there: int, client: int) -> None:
    with pytest.raises(ValueError, match="CPUs"):
        cpus.split(range(there), client=client)


@pytest.mark.parametrize(("text", "found"), [("0", {0}), ("0-2,5", {0, 1, 2, 5})])
def test_cpu_ranges(text: str, found: set[int]) -> None:
    assert cpus.parse(text) == found
    assert cpus.ranges(found) == text
