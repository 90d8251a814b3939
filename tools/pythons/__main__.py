"""Entry point of ``python3 tools/pythons 3.14``."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    # Run as a folder: this folder leads sys.path, where modules as plainly named as `uv` would
    # be found before anybody else's. Import the package from the checkout instead.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tools.pythons.cli import main

if __name__ == "__main__":
    sys.exit(main())
