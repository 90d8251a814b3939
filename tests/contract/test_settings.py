"""Settings whose effect only a served application shows, in every kind of worker."""

import json
from pathlib import Path

from contract.modes import Mode
from contract.serving import Server
from contract.wire import Client

APP = """\
import logging, os
from subsrv import Response

class Handler(logging.FileHandler):
    pass

def make():
    logging.getLogger("shop").warning("made %s", os.environ["SHOP"])
    return app

def app(request):
    logging.getLogger("shop").warning("asked")
    return Response(os.environ["SHOP"], headers={"x-b": "its own"} if request.query else {})
"""


def test_what_an_operator_sets_reaches_every_worker(mode: Mode, tmp_path: Path) -> None:
    """All in one server: variables, headers, logging with the application's class, the pid."""
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "env").write_text('SHOP="open # always"\n')
    log, pid = tmp_path / "log", tmp_path / "pid"
    handler = {"class": "shop.Handler", "filename": str(log)}
    settings = {"handlers": {"file": handler}, "root": {"handlers": ["file"]}}
    (tmp_path / "logs.json").write_text(json.dumps(settings))
    flags = (
        *("shop:make", "--factory", "--app-dir", str(tmp_path), *mode.flags, "--workers", "2"),
        *("--env-file", str(tmp_path / "env"), "--log-config", str(tmp_path / "logs.json")),
        *("--pid-file", str(pid), "--header", "X-A: 1", "--header", "X-B:2"),
        *("--no-server-header", "--no-date-header"),
    )
    with Server(*flags) as server:
        assert pid.read_text() == f"{server.pid}\n"
        with Client(server) as client:
            first, second = client.get("/"), client.get("/?own")
        assert first.body == second.body == b"open # always"
        assert (first["x-a"], first["x-b"], second["x-b"]) == ("1", "2", "its own")
        assert "server" not in first
        assert "date" not in first
        with Client(server) as client:
            client.send(b"nonsense\r\n\r\n")
            assert client.response()["x-a"] == "1"
    assert not pid.exists()
    # Where workers share the application's module, it has been tried once before.
    made = 3 if mode.name in ("thread", "nogil") else 2
    assert log.read_text().splitlines() == ["made open # always"] * made + ["asked"] * 2
