"""The exception that breaks off a hang, and the quiet in which the server deals with it.

Where it is raised is rescue.py's business. That nobody does so again until it is dealt with is
said here: its traceback alone may take a second on a machine that is busy, longer than a rescue
waits for its effect, and a second one in the midst of that would end the worker with all its
connections.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(BaseException):
    """Raised in a worker that hangs, in the middle of what it does, to break that off.

    No Exception: an application that catches everything would catch this, and go on to hang.
    """


# Seconds for one to arrive, and for a loop to turn when it has dealt with it. Attempts at a rescue
# are twice as far apart: so the next comes in time where another request hangs after this one.
_PAUSE = 0.5

# Until when none is to be raised in a thread, by its identifier and time.monotonic().
_quiet_until: dict[int, float] = {}


@contextmanager
def dealing_with(error: BaseException | None) -> Iterator[None]:
    """Lasts while this thread deals with `error`: undisturbed, if that is an Interrupted."""
    if not isinstance(error, Interrupted):
        # Whatever else is dealt with may hang itself.
        yield
        return
    ident = threading.get_ident()
    _quiet_until[ident] = math.inf
    try:
        yield
    finally:
        _quiet_until[ident] = time.monotonic() + _PAUSE


def due(ident: int) -> bool:
    """Whether to raise an Interrupted in this thread, now. Nobody else is to for a while."""
    now = time.monotonic()
    if now < _quiet_until.get(ident, -math.inf):
        return False
    _quiet_until[ident] = now + _PAUSE
    return True
