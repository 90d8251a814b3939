"""wrk: its arguments, and what it prints."""

import tempfile
from pathlib import Path

import pytest
from scripted import ScriptedServer

from subsrv.bench import wrk
from subsrv.bench.requests import Request

_GOOD = """\
Running 30s test @ http://127.0.0.1:8080/
  1 threads and 256 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    33.89ms   42.70ms 931.00ms   98.41%
    Req/Sec     7.54k   613.57    8.31k    86.67%
  225186 requests in 30.02s, 45.10MB read
Requests/sec:   7501.81
Transfer/sec:      1.50MB
"""


def _with(old: str, new: str) -> str:
    assert old in _GOOD
    return _GOOD.replace(old, new)


def test_parse() -> None:
    assert wrk.parse(_GOOD) == wrk.Report(
        requests=225186,
        seconds=30.02,
        bytes_read=45.10 * 1024**2,
        requests_per_second=7501.81,
        latency_mean=33.89 * 1e-3,
        latency_stdev=42.70 * 1e-3,
        latency_max=931.00 * 1e-3,
    )
    assert wrk.parse(_GOOD).faults == ""


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [("931.00us", 931e-6), ("931.00ms", 0.931), ("1.93s", 1.93), ("1.50m", 90), ("1.00h", 3600)],
)
def test_parse_units_of_latency(shown: str, seconds: float) -> None:
    report = wrk.parse(_with("931.00ms", shown))
    assert report.latency_max == pytest.approx(seconds)
    assert report.latency_mean == pytest.approx(0.03389)


@pytest.mark.parametrize(
    ("shown", "count"),
    [
        ("512.00B", 512),
        ("45.10KB", 45.10 * 1024),
        ("45.10MB", 45.10 * 1024**2),
        ("1.20GB", 1.2 * 1024**3),
    ],
)
def test_parse_units_of_bytes(shown: str, count: float) -> None:
    assert wrk.parse(_with("45.10MB", shown)).bytes_read == pytest.approx(count)


def test_parse_minutes_of_running() -> None:
    assert wrk.parse(_with("30.02s", "2.00m")).seconds == 120


def test_parse_faults() -> None:
    report = wrk.parse(
        _with(
            "Requests/sec",
            "  Socket errors: connect 1, read 2, write 3, timeout 4\n"
            "  Non-2xx or 3xx responses: 225000\nRequests/sec",
        )
    )
    assert report.connect_errors == 1
    assert report.read_errors == 2
    assert report.write_errors == 3
    assert report.timeouts == 4
    assert report.bad_statuses == 225000
    assert report.faults == (
        "1 connect errors, 2 read errors, 3 write errors, 4 timeouts, "
        "225000 statuses of 400 or more"
    )


def test_parse_percentiles() -> None:
    shown = "  Latency Distribution\n     50%   30.11ms\n     99%    1.10s\n  225186 requests"
    found = wrk.parse(_with("  225186 requests", shown))
    assert dict(found.percentiles) == pytest.approx({50: 0.03011, 99: 1.1})


def test_no_request_is_a_fault() -> None:
    assert wrk.parse(_with("225186 requests", "0 requests")).faults == "no request completed"


@pytest.mark.parametrize("line", ["requests in", "    Latency", "Requests/sec:"])
def test_parse_refuses_what_it_cannot_read(line: str) -> None:
    with pytest.raises(wrk.WrkError, match="cannot understand"):
        wrk.parse(_GOOD.replace(line, "something else"))


def test_the_command_of_2015() -> None:
    load = wrk.Load(duration=30)
    assert " ".join(load.command("http://127.0.0.1:8080")) == (
        "wrk -t1 -c256 -d30s http://127.0.0.1:8080/"
    )


def test_a_command_with_a_script() -> None:
    load = wrk.Load(duration=2, connections=16, script=Path("a.lua"), arguments=("7",))
    assert " ".join(load.command("http://127.0.0.1:8080")) == (
        "wrk -t1 -c16 -d2s -s a.lua http://127.0.0.1:8080/ -- 7"
    )


def test_a_command_with_options() -> None:
    load = wrk.Load(duration=1, timeout=10, percentiles=True, script=Path("a.lua"))
    words = " ".join(load.command("URL"))
    assert words == "wrk -t1 -c256 -d1s --timeout=10s --latency -s a.lua URL/"


def test_requests_are_sent_in_turn() -> None:
    if not wrk.installed():
        pytest.skip("wrk is not installed")
    listed = (
        Request(path="/a"),
        Request(method="PUT", path="/b", headers={"X": '"\\'}, body=b"\0\n\xff"),
    )
    with ScriptedServer() as server, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "requests.lua"
        script.write_text(wrk.script(listed, "host:1"))
        output, cpu = wrk.run(wrk.Load(duration=1, connections=1, script=script), server.url)
    report = wrk.parse(output)
    assert report.faults == ""
    assert cpu > 0
    assert 0 < report.requests <= len(server.requests)
    turns = [("/a", b""), ("/b", b"\0\n\xff")]
    # wrk has asked the script for one before it began, to see whether they differ.
    first = turns.index(server.requests[0])
    assert all(seen == turns[(first + at) % 2] for at, seen in enumerate(server.requests))


def test_wrk_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(wrk.WrkError, match="apt-get install wrk"):
        wrk.version()


def test_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = tmp_path / "wrk"
    client.write_text("#!/bin/sh\necho 'wrk 4.2.0 [epoll] Copyright (C) 2012'\nexit 1\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert wrk.version() == "wrk 4.2.0"


def test_wrk_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = tmp_path / "wrk"
    client.write_text("#!/bin/sh\necho unable to connect\nexit 1\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(wrk.WrkError, match="status 1: unable to connect"):
        wrk.run(wrk.Load(duration=1), "http://127.0.0.1:1")
