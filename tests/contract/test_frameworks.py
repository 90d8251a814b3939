"""The real frameworks, with real clients: httpx and curl."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from contract.modes import Mode
from contract.probe import Probe
from contract.serving import Server

FLASK = "contract.apps.flask_app:app"
STARLETTE = "contract.apps.starlette_app:app"
DJANGO_WSGI = "contract.apps.django_app:wsgi"
DJANGO_ASGI = "contract.apps.django_app:asgi"

APPS = {
    "flask": (FLASK,),
    "starlette": (STARLETTE,),
    "django-wsgi": (DJANGO_WSGI, "--threads", "4"),
    "django-asgi": (DJANGO_ASGI,),
}


@pytest.fixture(scope="module", params=APPS)
def server(mode: Mode, request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(*APPS[request.param], *mode.flags, "--workers", "2") as server:
        yield server
        if mode.name == "interp" and request.param == "django-asgi":
            # Its answers are right, but asgiref 3.13 then starts a daemon thread to join its own
            # threads, which CPython refuses in an interpreter of its own.
            server.expect("^RuntimeError: daemon threads are disabled in this")


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as client:
        yield client


def test_a_page(client: httpx.Client) -> None:
    response = client.get("/")
    assert response.text == "<p>&lt;hello&gt;</p>"
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_routing_and_json(client: httpx.Client) -> None:
    response = client.get("/items/42", params={"colour": "rouge foncé"})
    assert response.json() == {"number": 42, "colour": "rouge foncé"}


def test_errors_of_the_application(client: httpx.Client) -> None:
    for path in ("/missing", "/items/none", "/no/such/path"):
        assert client.get(path).status_code == 404
    assert client.get("/").status_code == 200


def test_a_stream(client: httpx.Client) -> None:
    response = client.get("/stream")
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.text == "".join(f"{number}\n" for number in range(100))


def test_head_and_options(client: httpx.Client) -> None:
    response = client.head("/")
    assert response.status_code == 200
    assert response.content == b""
    assert int(response.headers["content-length"]) == len(client.get("/").content)


def test_errors_that_the_framework_does_not_expect(server: Server, client: httpx.Client) -> None:
    assert client.get("/broken").status_code == 500
    assert client.get("/").status_code == 200
    server.expect("^ValueError: broken on purpose")


def serving(*names: str) -> pytest.MarkDecorator:
    """Run a test with these applications alone."""
    return pytest.mark.parametrize("server", names, indirect=True)


@serving("flask", "django-wsgi", "django-asgi")
def test_forms_and_uploads(client: httpx.Client) -> None:
    fields = {"name": "Zoë", "text": "a&b=c"}
    assert client.post("/form", data=fields).json() == fields
    for size in (10, 3_000_000):
        files = {"file": ("photo.png", b"x" * size)}
        assert client.post("/upload", files=files).json() == {"name": "photo.png", "size": size}


@serving("flask", "starlette", "django-wsgi")
def test_a_file(client: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"0123456789" * 50_000)
    response = client.get("/file", params={"path": str(path)})
    assert response.content == path.read_bytes()
    assert response.headers["content-length"] == "500000"
    assert client.head("/file", params={"path": str(path)}).content == b""


@serving("flask", "starlette")
def test_a_range_of_a_file(client: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"0123456789" * 50_000)
    bounds = {"Range": "bytes=100001-400000"}
    response = client.get("/file", params={"path": str(path)}, headers=bounds)
    assert (response.status_code, len(response.content)) == (206, 300_000)
    assert response.content.startswith(b"1234567890")


@serving("flask", "starlette")
def test_json_both_ways(client: httpx.Client) -> None:
    document = {"a": [1, 2.5, None, True, "ü"], "b": {"c": "d" * 100_000}}
    assert client.post("/json", json=document).json() == document


@serving("flask")
def test_a_session_in_a_cookie(client: httpx.Client) -> None:
    assert [client.get("/count").json() for _ in range(3)] == [1, 2, 3]


@serving("starlette")
def test_starlette(client: httpx.Client, probe: Probe) -> None:
    assert client.get("/").headers["x-marked"] == "yes"
    assert client.get("/thread").json() == "from a thread"
    assert client.post("/size", content=iter([b"x" * 50_000] * 20)).json() == 1_000_000
    assert client.get("/background", params={"probe": probe.port}).json() == "later"
    probe.wait("background").answer()


@serving("django-wsgi", "django-asgi")
def test_django_coroutines(client: httpx.Client) -> None:
    assert client.get("/wait").text == "waited"


def curl(*arguments: str, body: str = "") -> str:
    """What curl says, which must not be an error."""
    common = ("--silent", "--show-error", "--fail", "--max-time", "10")
    done = subprocess.run(
        ["curl", *common, *arguments], input=body, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_curl_keeps_its_connection(server: Server) -> None:
    urls = [f"{server.url}/items/{number}" for number in range(3)]
    said = curl("--write-out", "\n%{num_connects}\n", *urls)
    assert [line for line in said.splitlines() if line.isdecimal()] == ["1", "0", "0"]


@serving("starlette")
@pytest.mark.parametrize(
    "how",
    ["--header=Expect: 100-continue", "--header=Transfer-Encoding: chunked", "--http1.0"],
)
def test_curl_uploads(server: Server, how: str) -> None:
    url = f"{server.url}/size"
    assert curl(*how.split("=", 1), "--data-binary", "@-", url, body="x" * 2_000_000) == "2000000"
