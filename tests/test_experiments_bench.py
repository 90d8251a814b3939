"""The benchmark and the hello study from end to end, short and with stand-ins where need be."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from experiments_fakes import CLIENT, HELLO, answering

from experiments import bench, hello
from experiments.apps.cpu import answer
from experiments.harness.contest import Contest, ratios, values
from experiments.harness.interpreters import InterpreterError, Interpreters, probe
from experiments.harness.measure import RoundError, measure
from experiments.harness.server import Server, subsrv
from experiments.harness.verify import verify
from experiments.harness.workers import states
from experiments.harness.wrk import Load

_LEG = f"{sys.version_info.major}.{sys.version_info.minor}"
_FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
_MODE = "nogil" if _FREE_THREADED else "interp"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client in place of wrk, which need not be installed where the tests run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    client = folder / "wrk"
    client.write_text(f"#!{sys.executable}\n{CLIENT}")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.fixture(params=["wrk", "stand-in"])
def client(request: pytest.FixtureRequest) -> None:
    """wrk itself, and its stand-in."""
    if request.param == "stand-in":
        request.getfixturevalue("stand_in")
    elif shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")


@pytest.fixture
def broken_python(tmp_path: Path) -> Path:
    """An interpreter whose every server fails to start."""
    path = tmp_path / "python"
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = -m ]; then echo "subsrv: no such luck" >&2; exit 4; fi\n'
        f'exec {sys.executable} "$@"\n'
    )
    path.chmod(0o755)
    return path


@pytest.mark.usefixtures("client")
def test_a_round() -> None:
    with Server(answering()) as server:
        measured = measure(server, Load(duration=1), response_size=len(HELLO))
    assert measured.report.requests >= 200
    assert measured.server_cpu > 0
    assert measured.client_cpu > 0
    assert 0 < sum(measured.thread_cpu) <= measured.server_cpu * 1.01
    assert measured.record()["cpu_per_request_us"] == pytest.approx(
        measured.server_cpu / measured.report.requests * 1e6
    )


@pytest.mark.usefixtures("stand_in")
def test_a_round_of_short_answers_is_none() -> None:
    with Server(answering()) as server, pytest.raises(RoundError, match="instead of 200"):
        measure(server, Load(duration=1), response_size=200)


@pytest.mark.usefixtures("client")
def test_the_benchmark_of_the_floor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("no C compiler")
    path = tmp_path / "raw.json"
    assert bench.main(["--quick", "--only", "floor", "--seed", "7", "--json", str(path)]) == 0
    raw = json.loads(path.read_text())
    assert raw["seed"] == 7
    turns = raw["sections"]["overhead"]["rounds"]
    assert sorted(turn["traffic"] for turn in turns) == ["repeated", "varied"]
    assert {turn["server"] for turn in turns} == {"floor"}
    output = capsys.readouterr().out
    assert "CPU µs/request" in output
    assert "floor   repeated" in output


@pytest.mark.usefixtures("stand_in")
def test_the_benchmark_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--quick", "--only", "asgi", "--mode", _MODE, "--python", sys.executable]
    assert bench.main(options) == 0, capsys.readouterr().out
    assert "asgi    repeated" in capsys.readouterr().out


@pytest.mark.usefixtures("stand_in")
def test_the_benchmark_fails_with_its_server(
    broken_python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--quick", "--only", "native", "--mode", _MODE, "--python", str(broken_python)]
    assert bench.main(options) == 1
    output = capsys.readouterr().out
    assert "native  failed" in output
    assert "exit status 4: subsrv: no such luck" in output


@pytest.mark.usefixtures("stand_in")
def test_the_other_sections_record_failures(broken_python: Path, tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    sections = [word for name in ("scaling", "nogil", "memory") for word in ("--section", name)]
    given = ["--python", str(broken_python)]
    options = [*sections, "--quick", "--check", *given, "--json", str(path)]
    if not _FREE_THREADED:
        options += ["--python", f"t={broken_python}"]
    else:
        options += ["--python", f"3.14={broken_python}"]
    assert bench.main(options) == 1
    raw = json.loads(path.read_text())["sections"]
    assert len(raw["scaling"]["failures"]) == 8
    assert len(raw["nogil"]["failures"]) == 2
    assert len(raw["memory"]["failures"]) == 12


def test_the_benchmark_wants_wrk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bench.main([]) == 1
    assert "apt-get install wrk" in capsys.readouterr().err


@pytest.mark.usefixtures("stand_in")
def test_a_server_that_fails_leaves_the_contest_to_the_others() -> None:
    with Contest() as contest:
        contest.add("good", answering)
        contest.add("bad", lambda: answering(HELLO.replace("200 OK", "503 Busy")))
        contest.run({"plain": lambda _: Load(duration=1)}, rounds=2, seed=1, title="test")
    assert list(contest.failures) == ["bad"]
    assert "503 Busy" in contest.failures["bad"]
    raw = contest.record()
    assert [turn["round"] for turn in raw["rounds"]] == [1, 2]
    assert len(values(raw, "good", "plain")) == 2
    assert values(raw, "bad", "plain") == []
    assert ratios(values(raw, "bad", "plain"), values(raw, "good", "plain")) == []


@pytest.mark.usefixtures("stand_in")
def test_a_server_that_stops_badly_has_failed() -> None:
    with Contest() as contest:
        contest.add("good", answering)
        contest.servers["good"].kill()
    assert "not stopped cleanly" in contest.failures["good"]


def test_interpreters() -> None:
    given = Interpreters.parse([sys.executable, f"x{'' if _FREE_THREADED else 't'}=/nowhere"])
    found = given.choose(free_threaded=_FREE_THREADED)
    assert found.facts["version"].startswith(_LEG)
    assert found.name == found.facts["version"] + ("t" if _FREE_THREADED else "")
    assert given.for_mode(_MODE) is found
    assert Interpreters().choose(free_threaded=_FREE_THREADED) == found
    with pytest.raises(InterpreterError, match="/nowhere does not run"):
        given.choose(free_threaded=not _FREE_THREADED)
    assert list(given.facts(["nogil", "thread", "interp"])) == (
        ["nogil"] if _FREE_THREADED else ["thread", "interp"]
    )


def test_an_interpreter_that_is_not_what_it_is_given_as() -> None:
    leg = "3.14" if _FREE_THREADED else "3.14t"
    with pytest.raises(InterpreterError, match="not what its leg says"):
        Interpreters.parse([f"{leg}={sys.executable}"]).choose(free_threaded=not _FREE_THREADED)


def test_an_interpreter_that_fails() -> None:
    with pytest.raises(InterpreterError, match="does not run"):
        probe(shutil.which("false") or "false")


@pytest.mark.parametrize("app", hello.APPS)
def test_the_applications(app: str) -> None:
    command = subsrv(sys.executable, hello.APPS[app], mode="thread", workers=1)
    with Server(command) as server:
        verify(server)
        (state,) = states(server, 1)
    assert state["pid"] == server.pid
    assert state["gil"] is not _FREE_THREADED


@pytest.mark.parametrize("interface", ["native", "asgi", "wsgi"])
def test_the_application_that_computes(interface: str) -> None:
    app = f"experiments.apps.cpu:{interface}"
    with Server(subsrv(sys.executable, app, mode="thread", workers=1)) as server:
        verify(server, answer())


def _study(path: Path, *options: str) -> dict[str, Any]:
    assert hello.main(["--quick", "--seed", "1", "--output", str(path), *options]) == 0
    raw: dict[str, Any] = json.loads(path.read_text())
    return raw


@pytest.mark.usefixtures("stand_in")
def test_the_hello_study(tmp_path: Path) -> None:
    path = tmp_path / "raw.json"
    options = ["--apps", "native,asgi", "--modes", _MODE, "--workers", "2"]
    raw = _study(path, *options, "--python", sys.executable)
    assert sorted(point["app"] for point in raw["points"]) == ["asgi", "native"]
    for point in raw["points"]:
        assert "failure" not in point
        assert len(point["before"]) == len(point["after"]) == 2
        assert all(state["gil"] is not _FREE_THREADED for state in point["before"])
        assert point["ready"]["workers"] == "2"
        assert "Requests/sec" in point["output"]
        assert point["warm_up"]["report"]["requests"] == 200

    # What is there is not measured again; what is missing is.
    kept, dropped = raw["points"]
    path.write_text(json.dumps({**raw, "points": [kept]}))
    assert hello.main(["--resume", str(path), "--python", sys.executable]) == 0
    measured = json.loads(path.read_text())
    again = measured["points"]
    assert again[0] == kept
    assert again[1]["app"] == dropped["app"]
    assert again[1]["begun"] > kept["begun"]

    measured["environment"]["commit"] = "another"
    path.write_text(json.dumps(measured))
    assert hello.main(["--resume", str(path), "--python", sys.executable]) == 1


@pytest.mark.usefixtures("stand_in")
def test_the_hello_study_records_failures(broken_python: Path, tmp_path: Path) -> None:
    options = ["--apps", "native,flask", "--modes", _MODE, "--workers", "1,2"]
    raw = _study(tmp_path / "raw.json", *options, "--python", str(broken_python))
    assert len(raw["points"]) == 4
    assert all("subsrv: no such luck" in point["failure"] for point in raw["points"])
