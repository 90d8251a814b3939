"""An application that visitors.py can check: it answers with its version and the path."""

from typing import Any


def app(request: Any) -> bytes:
    """Native, of version 1."""
    answer: bytes = b"1 h1 " + request.path.encode()
    return answer
