"""/work is done by as many isolates as the variable OFFLOAD says; 0: by the worker itself."""

import os

from experiments.isolates import there
from subsrv import Request, isolate

_ISOLATES = int(os.environ["OFFLOAD"])
_pool = isolate.Pool(_ISOLATES) if _ISOLATES else None


async def app(request: Request) -> str:
    """Anything else is a hello."""
    if request.path != "/work":
        return "Hello, world!"
    if _pool is None:
        return str(there.burn())
    return str(await _pool.run(there.burn))
