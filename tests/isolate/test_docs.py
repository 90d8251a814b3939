"""The page's examples do what it says that they do, and the server's example serves."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from contract.modes import POSSIBLE, Mode
from contract.serving import Server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "isolates.md").read_text()
EXAMPLES = re.findall(
    r"^<!-- file: (\S+?\.py)(?:, prints: (.*?))? -->\n```python\n(.*?)^```", PAGE, re.M | re.S
)
PARTS = re.findall(r"^<!-- part of: (\S+) -->\n```python\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, _, text in EXAMPLES:
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("name", "prints"), [(n, p) for n, p, _ in EXAMPLES if p])
def test_an_example_prints_what_the_page_says(folder: Path, name: str, prints: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", name],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert ", ".join(done.stdout.splitlines()) == prints


def test_there_are_examples() -> None:
    assert sum(bool(prints) for _, prints, _ in EXAMPLES) == 5
    assert PAGE.count("```python") == len(EXAMPLES) + len(PARTS) + 1  # the import


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_what_the_page_shows_of_a_file_stands_there(name: str, part: str) -> None:
    assert part in (ROOT / name).read_text()


# How a worker's process was made is nothing to its isolates.
@pytest.mark.parametrize("mode", [mode for mode in POSSIBLE if str(mode) != "fork"], ids=str)
def test_a_handler_offloads(mode: Mode) -> None:
    flags = ("--app-dir", str(ROOT / "examples"), "--workers", "1")
    with (
        Server("offload:app", *mode.flags, *flags) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        assert client.get("/primes/100").text == "25\n"
        assert client.get("/primes/10000").text == "1229\n"
        assert client.get("/").text == "Hello, world!\n"
