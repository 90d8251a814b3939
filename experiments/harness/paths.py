"""Where the repository keeps things, and how to keep its whereabouts out of what is published."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
EXPERIMENTS = REPOSITORY / "experiments"
RESULTS = REPOSITORY / "results"
BUILD = REPOSITORY / "build"  # for what is made on the way; git ignores it
VARIED = EXPERIMENTS / "varied.lua"


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
