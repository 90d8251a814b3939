"""What an application sees of the isolate that runs it, asked for inside a request.

Every application of the experiments answers `POST /state` with it.
"""

import json
import os
import sys
import threading

if sys.version_info >= (3, 14):
    from concurrent import interpreters

    def _interpreter() -> int:
        return interpreters.get_current().id

else:
    import _interpreters

    def _interpreter() -> int:
        return _interpreters.get_current()[0]


PATH = "/state"


def state(**more: object) -> bytes:
    """The worker's identity, and whether a GIL is on at this very moment, as JSON; and `more`."""
    return json.dumps(
        {
            "pid": os.getpid(),
            "thread": threading.get_native_id(),
            "interpreter": _interpreter(),
            "gil": sys._is_gil_enabled(),
            "switch_interval": sys.getswitchinterval(),
            **more,
        }
    ).encode()
