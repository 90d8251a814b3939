"""Whether to look for a connection's first request as soon as it is accepted."""

# Connections that are let pass after one in vain, at the most.
_PASS = 15


class Early:
    """Says when a look is worth it.

    Where connections queue up, their requests are here before they are accepted, and need not be
    waited for. Where they are not, a look costs a system call and an exception in vain: after each
    such, about twice as many connections are let pass as before.
    """

    def __init__(self) -> None:
        self._pass = self._left = 0

    def due(self) -> bool:
        """Whether to look for the request of this connection, a new one; then call `tried`."""
        if not self._left:
            return True
        self._left -= 1
        return False

    def tried(self, *, found: bool) -> None:
        """Take note of whether it was there."""
        self._pass = self._left = 0 if found else min(2 * self._pass + 1, _PASS)
