"""What idle connections cost, measured on a few: whether all of it is there, not what it says."""

import json
import re
import sys

import pytest

from experiments import idle, idle_peers, idling
from experiments.harness import server


@pytest.mark.parametrize("mode", ["interp", "process"])
def test_all_is_measured(mode: str, capfd: pytest.CaptureFixture[str]) -> None:
    few = ["--connections", "20", "--requests", "50", "--seconds", "0.01", "--settle", "0"]
    idle.main(["--mode", mode, *few])
    found = json.loads(capfd.readouterr().out)
    assert found["mode"] == mode
    assert set(found["bytes_per_connection"]) == {"uss", "pss"}
    for state in ("alone", "crowded"):
        assert found[state]["uss"] > 1 << 20
        assert found[state]["cpu_us_per_request"] > 0
        assert 0 < found[state]["latency_us_p50"] <= found[state]["latency_us_max"]


def test_more_than_the_machine_allows_is_refused() -> None:
    with pytest.raises(SystemExit, match="descriptors are needed"):
        idle.allow_descriptors(1 << 40)


def test_memory_beside_peers() -> None:
    words = server.subsrv(
        sys.executable, "experiments.apps.work_asgi:hello", mode="thread", workers=1
    )
    command = server.Command(words=words)
    found = idle_peers.measured("subsrv-asgi", command, connections=20, settle=0.0)
    assert found["alone"]["uss"] > 1 << 20
    assert set(found["bytes_per_connection"]) == {"uss", "pss"}
    absent = {"peer": "nobody", "failed": "not had: nowhere\nno more of it"}
    page = idling._beside_peers([absent, found])
    assert page.index("subsrv-asgi") < page.index("failed: not had: nowhere ")


def _peer(name: str, uss: int, each: int) -> dict[str, object]:
    used = {"uss": uss, "pss": uss}
    return {
        "peer": name,
        "version": "1",
        "connections": 20,
        "alone": used,
        "bytes_per_connection": {"uss": each, "pss": each},
    }


@pytest.mark.parametrize(
    ("ours", "server", "connection"),
    [
        (_peer("subsrv-asgi", 15_000_000, 900), "15.0 | met", "900.0 | met"),
        (_peer("subsrv-asgi", 25_000_000, 1200), "25.0 | MISSED", "1,200.0 | MISSED"),
        ({"peer": "subsrv-asgi", "failed": "no"}, "| MISSED: subsrv failed", "| MISSED: subsrv"),
        ({"peer": "other", "failed": "no"}, "| not measured", "| not measured"),
    ],
)
def test_targets_beside_the_least_of_the_peers(
    ours: dict[str, object], server: str, connection: str
) -> None:
    failed: dict[str, object] = {"peer": "c", "failed": "it fell over"}
    thread = _peer("subsrv-asgi-thread", 1, 1)
    peers = [ours, thread, _peer("a", 20_000_000, 3000), _peer("b", 30_000_000, 1000), failed]
    text = " ".join(idling._targets(peers).split())
    _, first, again, second, *others = re.split(r"\| (?=subsrv-asgi)", text)
    assert again.replace("PSS", "USS") == first
    assert "of which a has the least" in first
    assert "of which b has the least" in second
    assert "c failed | ≤ 20 |" in first
    assert "c failed | ≤ 1000 |" in second
    assert server in first
    assert connection in second
    assert [row.startswith("subsrv-asgi-thread, ") for row in others] == [True] * 3
    assert all("| met |" in row for row in others)


def test_targets_where_every_peer_failed() -> None:
    failed: dict[str, object] = {"peer": "c", "failed": "it fell over"}
    peers = [_peer("subsrv-asgi", 15_000_000, 900), failed]
    assert idling._targets(peers).count("peers failed") == 2 * 3


def test_the_answer_has_the_peers_beside_ours() -> None:
    runs = [{"mode": "interp", "connections": 10_000, "bytes_per_connection": {"uss": 1000}}]
    peers = [_peer("subsrv-asgi", 1, 1100), {"peer": "c", "failed": "no"}, _peer("a", 1, 3000)]
    alone = "Bytes of private memory for each of 10,000 connections: interp 1,000."
    assert idling._answer({"runs": runs}) == alone
    assert idling._answer({"runs": runs, "peers": peers}) == (
        f"{alone} Beside peers, for each of 20: subsrv-asgi 1,100, c failed, a 3,000."
    )
