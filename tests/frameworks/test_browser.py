"""A real browser loads a page, its static files and a WebSocket."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.serving import Server

from frameworks.browser import Browser, find

APPS = {
    "Starlette": "frameworks.apps.starlette_app:app",
    "Django": "frameworks.apps.site.project:asgi",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find()
    if program is None:
        pytest.skip("no Chromium on PATH")
    with Browser(program) as browser:
        yield browser


@pytest.mark.parametrize("name", APPS)
def test_a_page_with_static_files_and_a_websocket(
    name: str, browser: Browser, prepared: Path, tmp_path: Path
) -> None:
    notes = shutil.copy(prepared, tmp_path / "notes")
    flags = ("--mode", "interp", "--workers", "2")
    with Server(APPS[name], *flags, env={"NOTES": str(notes)}) as server:
        browser.open(server.url)
        assert browser.heard() == "The WebSocket said: heard hello from a browser"
        assert browser.evaluate("document.querySelector('h1').textContent") == "<hello>"
        assert name in browser.evaluate("document.querySelector('p').textContent")
        # The style sheet counts.
        colour = "getComputedStyle(document.querySelector('h1')).color"
        assert browser.evaluate(colour) == "rgb(0, 187, 102)"
        if name == "Django":
            browser.open(f"{server.url}/admin/")
            assert browser.evaluate("document.title").startswith("Log in")
            background = "getComputedStyle(document.querySelector('#header')).backgroundColor"
            assert browser.evaluate(background) != "rgba(0, 0, 0, 0)"
        assert browser.complaints == []
        assert browser.screenshot().startswith(b"\x89PNG")
        if name == "Django":
            server.expect("^RuntimeError: daemon threads are disabled in this")
        browser.open("about:blank")
