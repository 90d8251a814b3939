"""A headless Chromium, driven by its DevTools protocol.

`PYTHONPATH=tests python -m frameworks.browser docs/starlette.png` takes the picture in the docs.
"""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Self

from contract.serving import PATIENCE, Server
from websockets.sync.client import ClientConnection, connect

#: Seconds; a browser takes its time on a busy machine.
_STARTING = 30.0

_LISTENING = re.compile(r"DevTools listening on (ws://\S+)")

# What the page has when its script has heard from the WebSocket. An observer waits for that.
_HEARD = """
new Promise((resolve) => {
  const said = document.getElementById("said");
  const look = () => said.textContent === "waiting" || resolve(said.textContent);
  new MutationObserver(look).observe(said, {childList: true, characterData: true, subtree: true});
  look();
})
"""


def find() -> str | None:
    """Its path, where it is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


class Browser:
    """A browser with one page."""

    def __init__(self, program: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="subsrv-browser-")
        words = ["--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
        words += [f"--user-data-dir={self._folder}", "--hide-scrollbars"]
        if os.getuid() == 0:
            words.append("--no-sandbox")
        self._process = subprocess.Popen(
            [program, *words, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._log = ""
        self._address: str | None = None
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._open = contextlib.ExitStack()
        self._wire: ClientConnection
        self._number = 0
        self._session: str | None = None
        #: What the page has complained of, and the addresses that could not be loaded.
        self.complaints: list[str] = []
        try:
            self._connect()
        except BaseException:
            self._end()
            raise

    def open(self, url: str) -> None:
        """Load a page, and all that belongs to it."""
        self._call("Page.navigate", url=url)
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def heard(self) -> str:
        """Wait for what the page shows of its WebSocket."""
        return str(self.evaluate(_HEARD))

    def evaluate(self, expression: str) -> Any:
        """What JavaScript makes of it."""
        found = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    def screenshot(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def _connect(self) -> None:
        assert self._ready.wait(_STARTING), f"the browser did not start\n{self._log}"
        assert self._address is not None, f"the browser ended\n{self._log}"
        # No size: a screenshot is one message.
        opening = connect(self._address, max_size=None, open_timeout=PATIENCE, proxy=None)
        self._wire = self._open.enter_context(opening)
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        size = {"width": 480, "height": 220, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def _call(self, method: str, **params: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._wire.send(json.dumps(message))
        while (answer := self._receive()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._wire.recv(PATIENCE))
        params = message.get("params", {})
        match message.get("method"):
            case "Log.entryAdded":
                entry = params["entry"]
                # It asks for that without being told to.
                if not entry.get("url", "").endswith("/favicon.ico"):
                    self.complaints.append(f"{entry['text']} {entry.get('url')}")
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Network.loadingFailed":
                self.complaints.append(params["errorText"])
        return message

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._log += line
                if match := _LISTENING.search(line):
                    self._address = match[1]
                    self._ready.set()
        self._ready.set()

    def _end(self) -> None:
        self._open.close()
        with self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._reader.join(PATIENCE)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()


def main() -> None:
    """Serve Starlette in two isolates, and keep what the browser shows of it."""
    program = find()
    if program is None:
        sys.exit("no Chromium on PATH")
    app = ("frameworks.apps.starlette_app:app", "--mode", "interp", "--workers", "2")
    with Server(*app) as server, Browser(program) as browser:
        browser.open(server.url)
        browser.heard()
        Path(sys.argv[1]).write_bytes(browser.screenshot())


if __name__ == "__main__":
    main()
