"""The one failure that sends the search to its next route."""

from __future__ import annotations


class UnavailableError(Exception):
    """A route cannot give what was asked for; the text says why, for a person to read."""
