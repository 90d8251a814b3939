"""What people use of a framework: a test class inherits what its framework has."""

from pathlib import Path
from typing import ClassVar

import httpx
from contract.probe import Probe
from contract.serving import PATIENCE, Server
from websockets.sync.client import connect

STYLE = Path(__file__).parent / "apps/static/style.css"


class Web:
    """What every framework has, and every application under apps/ does with it."""

    #: The application, and what else to start the server with.
    APP: ClassVar[tuple[str, ...]]
    #: How the log tells of the error in /broken.
    BROKEN: ClassVar[str] = "^ValueError: broken on purpose"
    #: By mode, an error that its log has in the end through no fault of ours.
    LEAVES: ClassVar[dict[str, str]] = {}
    NAME: ClassVar[str]

    def test_a_page_by_a_template(self, client: httpx.Client) -> None:
        response = client.get("/")
        assert "<h1>&lt;hello&gt;</h1>" in response.text
        assert f"A page of {self.NAME}," in response.text
        assert response.headers["content-type"].lower() == "text/html; charset=utf-8"

    def test_routing_and_json(self, client: httpx.Client) -> None:
        response = client.get("/items/42", params={"colour": "rouge foncé"})
        assert response.json() == {"number": 42, "colour": "rouge foncé"}
        document = {"a": [1, 2.5, None, True, "ü"], "b": {"c": "d" * 100_000}}
        assert client.post("/json", json=document).json() == document

    def test_errors_of_the_application(self, server: Server, client: httpx.Client) -> None:
        for path in ("/missing", "/items/none", "/no/such/path"):
            assert client.get(path).status_code == 404
        assert client.get("/broken").status_code == 500
        assert client.get("/").status_code == 200
        server.expect(self.BROKEN)

    def test_a_stream(self, client: httpx.Client) -> None:
        response = client.get("/stream")
        assert response.headers["transfer-encoding"] == "chunked"
        assert response.text == "".join(f"{number}\n" for number in range(100))

    def test_forms_and_uploads(self, client: httpx.Client) -> None:
        fields = {"name": "Zoë", "text": "a&b=c"}
        assert client.post("/form", data=fields).json() == fields
        for size in (10, 3_000_000):
            files = {"file": ("photo.png", b"x" * size)}
            assert client.post("/upload", files=files).json() == {"name": "photo.png", "size": size}

    def test_a_session(self, client: httpx.Client) -> None:
        assert [client.get("/count").json() for _ in range(3)] == [1, 2, 3]

    def test_static_files(self, client: httpx.Client) -> None:
        response = client.get("/static/style.css")
        assert response.content == STYLE.read_bytes()
        assert response.headers["content-type"].startswith("text/css")
        assert client.get("/static/../flask_app.py").status_code == 404
        unchanged = {"If-Modified-Since": response.headers["last-modified"]}
        assert client.get("/static/style.css", headers=unchanged).status_code == 304

    def test_a_database(self, client: httpx.Client) -> None:
        texts = ["first", "zweite", "troisième"]
        for number, text in enumerate(texts):
            assert client.post("/notes", data={"text": text}).json() == texts[: number + 1]
        # Each on a connection of its own, so that both workers may meet it.
        pages = [httpx.get(f"{client.base_url}/notes") for _ in range(4)]
        assert all(page.json() == texts for page in pages)


class Heads:
    """HEAD, where the framework answers it by itself."""

    def test_head(self, client: httpx.Client) -> None:
        response = client.head("/")
        assert response.status_code == 200
        assert response.content == b""
        assert int(response.headers["content-length"]) == len(client.get("/").content)


class Sockets:
    """A WebSocket."""

    def test_a_websocket(self, server: Server) -> None:
        url = server.url.replace("http", "ws") + "/ws"
        with connect(url, open_timeout=PATIENCE, close_timeout=PATIENCE) as websocket:
            for text in ("hello", "ü" * 70_000):
                websocket.send(text)
                assert websocket.recv(PATIENCE) == f"heard {text}"


class Background:
    """Work after the response."""

    def test_background_work(self, client: httpx.Client, probe: Probe) -> None:
        assert client.get("/background", params={"probe": probe.port}).json() == "later"
        probe.wait("background").answer()


class Files:
    """A file anywhere."""

    def test_a_file(self, client: httpx.Client, tmp_path: Path) -> None:
        path = tmp_path / "text"
        path.write_bytes(b"0123456789" * 50_000)
        response = client.get("/file", params={"path": str(path)})
        assert response.content == path.read_bytes()
        assert response.headers["content-length"] == "500000"
        assert client.head("/file", params={"path": str(path)}).content == b""


class Ranges:
    """A part of a file."""

    def test_a_range_of_a_file(self, client: httpx.Client, tmp_path: Path) -> None:
        path = tmp_path / "text"
        path.write_bytes(b"0123456789" * 50_000)
        bounds = {"Range": "bytes=100001-400000"}
        response = client.get("/file", params={"path": str(path)}, headers=bounds)
        assert (response.status_code, len(response.content)) == (206, 300_000)
        assert response.content.startswith(b"1234567890")
