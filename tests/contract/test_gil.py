"""An extension module that a request imports turns the GIL on: it is told, and may be the end."""

from pathlib import Path

import gilmod_source
import pytest

from contract.modes import FREE_THREADED, POSSIBLE, Mode
from contract.serving import Server, refused
from contract.wire import Client

# What turns it on is the same for both; only processes have one each.
MODES = [mode for mode in POSSIBLE if mode.name in ("nogil", "spawn")]


def serve(folder: Path, mode: Mode, *flags: str) -> Server:
    gilmod_source.build(folder)
    (folder / "shop.py").write_text(
        "def app(request):\n    if request.path == '/import': import gilmod\n    return b'hello'\n"
    )
    return Server("shop:app", *mode.flags, "--workers", "2", "--app-dir", str(folder), *flags)


if FREE_THREADED:

    @pytest.mark.parametrize("mode", MODES, ids=str)
    def test_the_module_is_named_and_the_server_serves_on(mode: Mode, tmp_path: Path) -> None:
        with serve(tmp_path, mode) as server, Client(server) as client:
            client.assert_open()
            assert client.get("/import").status == 200
            server.wait_for("^subsrv: the extension module gilmod turned the GIL back on in worker")
            client.assert_open()

    @pytest.mark.parametrize("mode", MODES, ids=str)
    def test_where_the_gil_must_stay_off_the_server_drains_and_ends(
        mode: Mode, tmp_path: Path
    ) -> None:
        with serve(tmp_path, mode, "--require-nogil") as server, Client(server) as client:
            assert client.get("/import").status == 200
            client.assert_closed()
            assert server.wait() == 1
            server.wait_for("^subsrv: error: the extension module gilmod turned the GIL back on")

else:

    def test_a_build_with_a_gil_is_refused_where_it_must_be_off() -> None:
        status, log = refused("--mode", "thread", "--workers", "2", "--require-nogil")
        assert status == 1
        assert log.startswith("subsrv: error: --require-nogil: worker ")
