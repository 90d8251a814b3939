"""The control address of a real server, in every mode: what it tells, and what it does."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract.modes import Mode
from contract.serving import APP_DIR, Server, refused, until
from contract.wire import Client
from subsrv.admin import client

ASGI = "contract.apps.kit_asgi:app"


class Controlled(Server):
    """A server with two workers and a control address."""

    def __init__(self, mode: Mode, folder: Path) -> None:
        self.control = f"unix:{folder}/control"
        super().__init__(ASGI, *mode.flags, "--workers", "2", "--control", self.control)

    def status(self) -> dict[str, Any]:
        return client.status(self.control)

    def states(self) -> list[str]:
        return [worker["state"] for worker in self.status()["workers"]]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`subsrv COMMAND`, as a person would say it."""
        return subprocess.run(
            [sys.executable, "-m", "subsrv", *words, "--control", self.control],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture(scope="module")
def controlled(mode: Mode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controlled]:
    with Controlled(mode, tmp_path_factory.mktemp("control")) as server:
        yield server


def test_the_status_tells_of_every_worker(controlled: Controlled, mode: Mode) -> None:
    before = controlled.status()
    with Client(controlled) as one:
        for _ in range(5):
            assert one.get("/who").status == 200
        status = controlled.status()
        assert sum(worker["connections"] for worker in status["workers"]) == 1
    server = status["server"]
    assert server["pid"] == controlled.pid
    assert server["urls"] == controlled.urls
    assert (server["state"], server["workers"]) == ("serving", 2)
    assert controlled.states() == ["ready", "ready"]

    def total(of: dict[str, Any]) -> int:
        return sum(place["counters"]["requests"] for place in of["places"])

    def timed(of: dict[str, Any]) -> int:
        return sum(sum(place["latency"]["counts"]) for place in of["places"])

    assert total(status) - total(before) == 5
    assert timed(status) - timed(before) == 5
    kinds = {worker["id"].split()[0] for worker in status["workers"]}
    assert kinds == {
        "interp": {"interpreter"},
        "spawn": {"process"},
        "fork": {"process"},
    }.get(mode.name, {"thread"})


def test_prometheus_and_orchestrators_are_served(controlled: Controlled) -> None:
    status, body = client.request(controlled.control, "GET", "/metrics")
    assert status == 200
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert {"subsrv_requests", "subsrv_request_duration_seconds", "subsrv_workers"} <= names
    for path in ("/healthz", "/readyz"):
        assert client.request(controlled.control, "GET", path) == (200, b"ok\n")


def test_the_commands(controlled: Controlled) -> None:
    shown = controlled.command("status")
    assert shown.returncode == 0, shown.stderr
    assert controlled.url in shown.stdout
    assert len(re.findall(r"^[01] +ready ", shown.stdout, re.MULTILINE)) == 2
    found = json.loads(controlled.command("status", "--json").stdout)
    assert found["server"]["pid"] == controlled.pid
    stacks = controlled.command("stacks").stdout
    assert "worker 0 (ready):" in stacks
    assert "worker.py" in stacks
    bad = controlled.command("drain", "7")
    assert (bad.returncode, bad.stderr) == (1, "subsrv: error: no worker 7 accepts\n")


def test_workers_come_and_go_as_asked(controlled: Controlled) -> None:
    assert controlled.command("scale", "3").stdout == "3 workers from now on\n"
    until(lambda: controlled.states() == ["ready"] * 3)
    # The clock of a worker without connections stands still: it is not late.
    assert controlled.status()["places"][2]["lag"]["sum"] == 0
    assert controlled.command("scale", "2").stdout == "2 workers from now on\n"
    until(lambda: controlled.states() == ["ready"] * 2)


@pytest.mark.parametrize("words", [("reload",), ("drain", "1")], ids=" ".join)
def test_workers_are_replaced_as_asked(controlled: Controlled, words: tuple[str, ...]) -> None:
    before = controlled.status()["server"]["replacements"]
    ages = {worker["place"]: worker["id"] for worker in controlled.status()["workers"]}
    said = controlled.command(*words).stdout
    assert said in ("reloaded: 2 workers\n", "worker 1 is to finish, and will be replaced\n")
    until(lambda: controlled.status()["server"]["replacements"] > before)
    until(lambda: controlled.states() == ["ready"] * 2)
    after = {worker["place"]: worker["id"] for worker in controlled.status()["workers"]}
    assert after[1] != ages[1]
    assert (after[0] == ages[0]) == (words[0] == "drain")
    with Client(controlled) as one:
        assert one.get("/who").status == 200


def test_the_public_port_has_nothing_of_it(controlled: Controlled) -> None:
    with Client(controlled) as one:
        assert one.get("/metrics").status == 404


def test_a_control_address_that_others_could_reach_is_refused() -> None:
    status, log = refused(ASGI, "--control", "0.0.0.0:9000")
    assert status == 2
    assert "control must be unix:PATH or a loopback HOST:PORT, not 0.0.0.0:9000" in log


def test_a_command_without_a_server(tmp_path: Path) -> None:
    for words, told in (
        (("status",), "subsrv: error: which server? --control ADDRESS says"),
        (("reload", "--control", f"unix:{tmp_path}/none"), "subsrv: error: no subsrv answers at"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "subsrv", *words],
            cwd=APP_DIR.parent,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode in (1, 2)
        assert done.stderr.startswith(told)
