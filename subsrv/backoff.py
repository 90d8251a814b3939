"""How soon a worker that died is replaced, and when to stop trying: policy only, no clock."""

# The first replacement comes at once: most deaths are single. Then half a second, doubling. The
# figures are arbitrary; systemd waits 0.1 s and gives up after 5 starts in 10 s.
_FIRST = 0.5
_LONGEST = 30.0
_STEADY = 60.0
_PATIENCE = 5


class Backoff:
    """The record of one worker's place: its deaths in a row, and its failed replacements."""

    def __init__(self) -> None:
        self._deaths = 0
        self._failures = 0

    def died(self, served: float | None) -> float:
        """A worker that served for so many seconds (None: it never got ready) died.

        Returns the seconds to wait before replacing it.
        """
        if served is not None and served >= _STEADY:
            self._deaths = 0
        self._deaths += 1
        self._failures = self._failures + 1 if served is None else 0
        if self._deaths == 1:
            return 0.0
        # The exponent is bounded because a float's is.
        return min(_LONGEST, _FIRST * 2.0 ** min(self._deaths - 2, 16))

    @property
    def exhausted(self) -> bool:
        """So many replacements in a row never got ready that another one is not worth trying."""
        return self._failures >= _PATIENCE
