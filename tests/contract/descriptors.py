"""What a server under test has open."""

import os
from pathlib import Path


def open_files(pid: int, folder: Path) -> list[tuple[str, int]]:
    """What the process has open in this folder: path and size."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            path, size = os.readlink(fd), fd.stat().st_size
        except FileNotFoundError:
            continue
        if path.startswith(str(folder)):
            found.append((path, size))
    return found
