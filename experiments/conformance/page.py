"""The page of the conformance study, made from its newest raw data."""
from pathlib import Path
def write(results: Path) -> None:
    """Make it."""
