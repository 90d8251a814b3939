"""The closed loop of the studies: what is said of it, and that varied traffic is varied."""

import shutil
from pathlib import Path

import pytest
from experiments_fakes import answering

from experiments.harness.paths import VARIED
from experiments.harness.server import Server
from experiments.harness.wrk import Wrk


def test_the_command_of_2015() -> None:
    assert Wrk().describe(30, None) == "wrk -t1 -c256 -d30s URL/"


def test_a_command_with_a_script() -> None:
    load = Wrk(connections=16, script=VARIED, seeded=True)
    assert load.describe(2, None) == "wrk -t1 -c16 -d2s -s experiments/varied.lua URL/ -- SEED"


def test_a_client_has_a_thread_for_each_cpu_of_its_own() -> None:
    own = frozenset({4, 5, 6})
    assert Wrk().describe(2, own) == "wrk -t3 -c256 -d2s URL/"
    assert Wrk(threads=1).describe(2, own) == "wrk -t1 -c256 -d2s URL/"
    # wrk refuses threads without a connection.
    assert Wrk(connections=2).describe(2, own) == "wrk -t2 -c2 -d2s URL/"


def test_varied_traffic_is_varied(tmp_path: Path) -> None:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    heads = tmp_path / "heads"
    with Server(answering(heads=str(heads))) as server:
        load = Wrk(connections=4, script=VARIED, seeded=True)
        assert load.run(server.url, seconds=1, number=7, client=None).faults == ""
    requests = [
        head.decode("ascii").split("\r\n") for head in heads.read_bytes().split(b"\r\n\r\n")
    ]
    assert len(requests) > 100
    fields = [dict(line.split(": ", 1) for line in lines[1:]) for lines in requests]
    assert {len(each) for each in fields} <= set(range(10, 16))
    assert all(
        {"Host", "User-Agent", "Accept", "Accept-Language"} <= each.keys() for each in fields
    )
    # Nothing repeats that a browser would not repeat, and what it would does.
    targets = [lines[0].split(" ")[1].split("?") for lines in requests]
    for parts in zip(*targets, strict=True):
        assert len(set(parts)) == len(requests)
    assert len({each["Cookie"] for each in fields}) == len(requests)
    assert 5 <= len({each["User-Agent"] for each in fields}) <= 20
    assert 5 <= len({each["Accept-Language"] for each in fields}) <= 20
