"""The load client as a program of its own, and what it says of itself."""

import json
import sys
from pathlib import Path

import pytest
from scripted import ScriptedServer, answer

from subsrv.bench import client
from subsrv.bench.client import Report
from subsrv.bench.load import Load, LoadError, Result
from subsrv.bench.requests import Request


def test_a_load_from_another_process() -> None:
    listed = (
        Request(path="/a", answer=b"Hello, world!"),
        Request(method="POST", body=b"\0\xff", status=200),
    )
    with ScriptedServer() as server:
        load = Load(requests=listed, connections=2, rate=500.0, duration=10.0, count=20)
        report = client.run(server.url, load)
    assert (report.trouble, report.mode, report.answered) == ("", "open", 20)
    assert sorted(server.requests) == [("/", b"\0\xff")] * 10 + [("/a", b"")] * 10
    assert sum(count for _, count in report.histogram) == 20
    assert report.latency_us["p50"] <= report.latency_us["p99"] <= report.latency_us["max"]
    assert report.client_cpu > 0


def test_a_load_on_nobody() -> None:
    with pytest.raises(LoadError, match="cannot connect"):
        client.run("http://127.0.0.1:1", Load(connections=1))


def test_for_people_and_for_programs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    listed = tmp_path / "requests"
    listed.write_text("GET /file\n")
    with ScriptedServer() as server:
        for words in (["/a?b"], ["/", "--json"], ["/", "--requests", str(listed)]):
            options = ["--count", "5", "--connections", "1"]
            assert client.main([server.url + words[0], *words[1:], *options]) == 0
            out = capsys.readouterr().out
            if "--json" in words:
                assert json.loads(out)["answered"] == client.loads(out).answered == 5
            else:
                assert out.startswith("closed loop, 1 connections, ")
                assert "5 of 5 requests" in out
    assert [target for target, _ in server.requests[::5]] == ["/a?b", "/", "/file"]


def test_a_fault_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(lambda _number, _target: answer(status="404 Not Found")) as server:
        assert client.main([server.url, "--count", "3", "--connections", "1"]) == 1
    assert "FAILED      3 x status, no request answered (status 404)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "the following arguments are required: URL"),
        (["ftp://x"], "URL must be http://HOST:PORT[/path], not 'ftp://x'"),
        (["http://x:y"], "URL must be http://HOST:PORT[/path], not 'http://x:y'"),
        (["http://x", "--rate", "x"], "argument --rate: must be a number above 0, not 'x'"),
        (["http://x", "--rate", "nan"], "argument --rate: must be a number above 0, not 'nan'"),
        (["http://x", "--connections", "0"], "must be a whole number from 1 on, not '0'"),
        (["http://x", "--check", "all"], "invalid choice: 'all'"),
        (["http://x", "--requests", "no/file"], "no/file cannot be read: No such file"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("subsrv.bench.client: error: ")
    assert told in err


def report(result: Result, rate: float | None = 100.0) -> Report:
    return Report.of(Load(rate=rate), result)


def test_a_client_without_time_of_its_own_says_so() -> None:
    assert report(Result(seconds=10.0, cpu=9.6)).saturated
    assert "no CPU left" in report(Result(seconds=10.0, cpu=9.6)).text()
    assert not report(Result(seconds=10.0, cpu=9.0)).saturated


def test_a_client_that_was_late_says_so() -> None:
    def lagging(lag: int, latency: int) -> Report:
        result = Result(seconds=1.0)
        result.lag.append(lag)
        result.latencies.append(latency)
        return report(result)

    assert lagging(2_000_000, 3_000_000).late
    assert "sent late" in lagging(2_000_000, 3_000_000).text()
    # Not much beside what the server takes, or not much at all.
    assert not lagging(2_000_000, 30_000_000).late
    assert not lagging(400_000, 500_000).late


def test_it_reads_the_list_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as server:
        monkeypatch.setattr(sys, "stdin", ["GET /in"])
        assert client.main([server.url, "--requests", "-", "--count", "1"]) == 0
    assert server.requests == [("/in", b"")]
