"""Starlette, Quart, Falcon and Django as ASGI applications; FastAPI, which interp refuses."""

import re
import subprocess
from typing import ClassVar

import httpx
import pytest
from contract.serving import Server, refused

from frameworks.conftest import modes
from frameworks.site_uses import Site
from frameworks.uses import Background, Files, Heads, Ranges, Sockets, Web


class TestStarlette(Web, Heads, Sockets, Background, Files, Ranges):
    NAME = "Starlette"
    APP = ("frameworks.apps.starlette_app:app",)

    def test_middleware_threads_and_streamed_bodies(self, client: httpx.Client) -> None:
        assert client.get("/").headers["x-marked"] == "yes"
        assert client.get("/thread").json() == "from a thread"
        assert client.post("/size", content=iter([b"x" * 50_000] * 20)).json() == 1_000_000

    def test_aiohttp_fetches_in_a_handler(self, server: Server, client: httpx.Client) -> None:
        for number in range(3):
            url = f"{server.url}/items/{number}?colour=red"
            heard = {"status": 200, "heard": {"number": number, "colour": "red"}}
            assert client.get("/fetch", params={"url": url}).json() == heard

    def test_curl_keeps_its_connection(self, server: Server) -> None:
        urls = [f"{server.url}/items/{number}" for number in range(3)]
        said = curl("--write-out", "\n%{num_connects}\n", *urls)
        assert [line for line in said.splitlines() if line.isdecimal()] == ["1", "0", "0"]

    @pytest.mark.parametrize(
        "how",
        ["--header=Expect: 100-continue", "--header=Transfer-Encoding: chunked", "--http1.0"],
    )
    def test_curl_uploads(self, server: Server, how: str) -> None:
        url = f"{server.url}/size"
        said = curl(*how.split("=", 1), "--data-binary", "@-", url, body="x" * 2_000_000)
        assert said == "2000000"


class TestQuart(Web, Heads, Sockets, Background):
    NAME = "Quart"
    APP = ("frameworks.apps.quart_app:app",)


class TestFalcon(Web, Sockets, Background):
    NAME = "Falcon"
    APP = ("frameworks.apps.falcon_app:app",)


class TestDjango(Site, Heads, Sockets):
    APP = ("frameworks.apps.site.project:asgi",)
    # Its answers are right, but asgiref 3.13 then starts a daemon thread to join its own
    # threads, which CPython refuses in an interpreter of its own.
    LEAVES: ClassVar = {"interp": "^RuntimeError: daemon threads are disabled in this"}


FASTAPI = "frameworks.apps.fastapi_app:app"


@pytest.mark.parametrize("mode", modes("interp"), indirect=True)
class TestFastAPI(Web, Sockets, Background):
    NAME = "FastAPI"
    APP = (FASTAPI,)

    def test_models_and_documentation(self, client: httpx.Client) -> None:
        order = {"name": "tea", "count": 2}
        assert client.post("/order", json=order).json() == order
        response = client.post("/order", json={"name": "tea", "count": "many"})
        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["body", "count"]
        assert "/items/{number}" in client.get("/openapi.json").json()["paths"]


def test_interp_refuses_fastapi_and_says_why() -> None:
    status, log = refused(FASTAPI, "--mode", "interp", "--workers", "2")
    assert status == 3
    assert f"cannot load app {FASTAPI!r} in interp mode: the extension module " in log
    # Older ones tell CPython their name without the package's.
    module = r"(pydantic_core\.)?_pydantic_core"
    assert re.search(f"'{module}' does not load in an interpreter of its own; ", log)
    assert "; --mode process and --mode thread would work\n" in log
    chain = "frameworks.apps.fastapi_app > fastapi > pydantic > pydantic_core > "
    assert re.search(f"^imported by {chain}{module}$", log, re.MULTILINE)
    assert "Traceback" not in log


def curl(*arguments: str, body: str = "") -> str:
    """What curl says, which must not be an error."""
    common = ("--silent", "--show-error", "--fail", "--max-time", "10")
    done = subprocess.run(
        ["curl", *common, *arguments], input=body, capture_output=True, text=True, check=True
    )
    return done.stdout
