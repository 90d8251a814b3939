"""The notification socket."""

import logging
import socket
from pathlib import Path

import pytest

from subsrv.notify import notify


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_it_gets_the_state(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name if kind == "path" else f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", name if kind == "path" else f"@{name}")
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_without_one_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_a_failure_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("subsrv"), "propagate", True)
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    notify("READY=1")
    assert "cannot notify /nowhere/notify of READY=1: " in caplog.text
