"""What idle connections cost, measured on a few: whether all of it is there, not what it says."""

import json
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
