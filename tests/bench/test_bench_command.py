"""`subsrv bench`, from its options to its report."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from subsrv import cli
from subsrv.bench import processes, study

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# Answers differ in length; /fail fails.
_APP = """
from subsrv import Request, Response

calls = 0

def app(request: Request) -> Response | bytes:
    global calls
    calls += 1
    if request.path == "/fail":
        return Response(b"", status=500)
    return b"x" * (calls % 7 + 1)

def make():
    return app
"""
_QUICK = ("--duration", "0.1", "--connections", "2", "--workers", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "benched.py").write_text(_APP)
    monkeypatch.chdir(tmp_path)
    # Without wrk, whose runs take whole seconds, and with what runs the servers.
    monkeypatch.setenv("PATH", str(tmp_path))
    root = Path(cli.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(root))
    for name in [name for name in os.environ if name.startswith("SUBSRV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(processes, "_IDLE_MOMENT", 0.01)
    return tmp_path


def test_the_study_in_every_mode(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "benched:make", "--factory", "--rounds", "1", "--rate", "100", *_QUICK]
    assert cli.main([*words, "--json", "raw.json", "--html", "page.html", "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    raw = json.loads((folder / "raw.json").read_text())
    modes = ["interp", "thread", "process"]
    if FREE_THREADED:
        modes.insert(1, "nogil")
        assert raw["refusals"] == {}
    else:
        assert "nogil: not measured: --mode nogil needs a free-threaded Python" in out
        assert list(raw["refusals"]) == ["nogil"]
    assert [each["mode"] for each in raw["setups"]] == [modes[0], *modes]
    assert sorted(each["setup"] for each in raw["runs"]) == sorted(
        ["interp x1 again", *(f"{mode} x1" for mode in modes)]
    )
    for run in raw["runs"]:
        assert run["detail"]["ready"]["mode"] == run["setup"].split()[0]
        assert run["requests_per_second"] > 0
        assert run["cpu_us"] > 0
        assert run["p50_us"] <= run["p99_us"]
        assert run["pss_kib"] > 1024
        assert run["detail"]["open"]["requests"] == 10
        assert run["detail"]["closed"]["client"] == "built-in"
    assert (raw["about"]["seed"], raw["about"]["options"]) == (7, "--factory")
    assert (raw["rate"], raw["check"], raw["interrupted"]) == (100, "status", False)
    assert "Answers to one request differ in length" in out
    assert "built-in client" in out
    assert "1 round of each configuration" in raw["recommendation"]
    assert raw["recommendation"] in out
    assert f"[{len(raw['runs'])}/{len(raw['runs'])}] round 1" in err
    assert raw["recommendation"] in (folder / "page.html").read_text()


def test_a_failed_request_fails_its_mode(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "requests").write_text("GET /\nGET /fail\n")
    words = ["bench", "benched:app", "--modes", "thread", "--requests", "requests", *_QUICK]
    assert cli.main([*words, "--json", "-"]) == 1
    raw = json.loads(capsys.readouterr().out)
    assert raw["runs"] == []
    assert raw["refusals"]["thread"].startswith("loads, but 2 x status (status 500)")


def test_a_wanted_status_is_no_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "requests").write_text('{"path": "/fail", "status": 500}\n')
    words = ["bench", "benched:app", "--modes", "thread", "--requests", "requests", *_QUICK]
    assert cli.main([*words, "--rounds", "1"]) == 0
    # The rate is half of what the mode could do.
    assert re.search(r"requests a round due at [\d,]+/s", capsys.readouterr().out)


def test_an_app_that_does_not_load(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "missing:app", "--modes", "process", *_QUICK]) == 1
    out, _ = capsys.readouterr()
    assert "process: not measured: " in out
    assert "missing" in out
    assert out.endswith("Nothing was measured, so nothing is recommended.\n")


def test_ctrl_c_gives_what_there_is(folder: Path) -> None:
    words = ("bench", "benched:app", "--modes", "thread", "--rounds", "50", *_QUICK)
    with subprocess.Popen(
        (sys.executable, "-m", "subsrv", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as bench:
        assert bench.stderr is not None
        for line in bench.stderr:
            if "[3/" in line:
                bench.send_signal(signal.SIGINT)
                break
        out, err = bench.communicate(timeout=30)
    assert bench.returncode == 130, err
    assert "interrupted: this is what there was so far" in out
    rows = [line.split() for line in out.splitlines() if line.startswith("thread x1")]
    assert len(rows) == 2
    assert "Traceback" not in err


def test_the_order_is_the_seeds() -> None:
    setups = [study.Setup("interp", count) for count in range(1, 5)]

    def order(seed: int) -> list[tuple[int, study.Setup]]:
        found = study.Study.__new__(study.Study)
        found.outcome = study.Outcome(setups=setups)
        found._plan = type("Plan", (), {"seed": seed, "rounds": 3})()
        return list(found._order())

    assert order(1) == order(1) != order(2)
    for turn in (1, 2, 3):
        assert sorted(str(s) for at, s in order(1) if at == turn) == [str(s) for s in setups]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "the following arguments are required: APP (try subsrv bench --help)"),
        (["shop"], "APP must be module:attribute, not 'shop', did you mean 'shop:app'?"),
        (["m:a", "--modes", "thred"], "not 'thred', did you mean 'thread'?"),
        (["m:a", "--workers", "0"], "must be a whole number from 1 on, not '0'"),
        (["m:a", "--duration", "0"], "must be a number above 0, not '0'"),
        (["m:a", "--path", "x"], "a path begins with / and has no spaces, not 'x'"),
        (["m:a", "--path", "/", "--requests", "x"], "--path and --requests exclude each other"),
        (["m:a", "--requests", "no/x"], "no/x cannot be read: No such file or directory"),
        (["m:a", "--json", "no/x"], "no/x cannot be written: its folder does not exist"),
        (["m:a", "--interface", "cgi"], "--interface must be one of auto, asgi, wsgi, native"),
        (["m:a", "--threads", "0"], "--threads must be 1 or more, not 0"),
        (["m:a", "--wrokers", "1"], "unrecognized arguments: --wrokers"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    argv: list[str], told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("subsrv: error: ")
    assert told in err


def test_the_help_lists_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in ((["--help"], "bench "), (["bench", "--help"], "subsrv bench APP")):
        with pytest.raises(SystemExit) as caught:
            cli.main(words)
        assert caught.value.code == 0
        assert told in capsys.readouterr().out
