"""Where the repository keeps things, and how to keep its whereabouts out of what is published."""

import atexit
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
EXPERIMENTS = REPOSITORY / "experiments"
RESULTS = REPOSITORY / "results"
BUILD = REPOSITORY / "build"  # for what is made on the way; git ignores it
VARIED = EXPERIMENTS / "varied.lua"


@cache
def scratch(name: str) -> Path:
    """Where this process may put a file or a socket; what is there at its end is removed."""
    path = Path(tempfile.gettempdir()) / f"subsrv-{os.getpid()}-{name}"
    atexit.register(path.unlink, missing_ok=True)
    return path


def scrub(text: str) -> str:
    """Take this machine's folders out of a text: results are committed, and read elsewhere."""
    for folder, name in (
        (str(REPOSITORY), "."),
        (sys.base_prefix, "PREFIX"),
        (str(Path.home()), "~"),
    ):
        if folder != "/":
            text = text.replace(folder, name)
    return text
