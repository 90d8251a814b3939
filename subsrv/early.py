"""Whether to look at once for what may be there: another connection, or its first request."""

# Connections that are let pass after one in vain, at the most.
_PASS = 15


class Early:
    """Says when a look is worth it.

    Where connections queue up, there is another one behind each, and their requests are here before
    they are accepted. Where they do not, a look costs a system call and an exception in vain: after
    each such, about twice as many connections are let pass as before.
    """

    def __init__(self) -> None:
        self._pass = self._left = 0

    def due(self) -> bool:
        """Whether to look this time, after a connection was accepted; then call `tried`."""
        if not self._left:
            return True
        self._left -= 1
        return False

    def tried(self, *, found: bool) -> None:
        """Take note of whether it was there."""
        self._pass = self._left = 0 if found else min(2 * self._pass + 1, _PASS)
