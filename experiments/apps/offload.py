"""/work is done by as many isolates as OFFLOAD says, with a priority lower by NICE; 0: by none."""

import os

from experiments.isolates import there
from subsrv import Request, isolate

_ISOLATES = int(os.environ["OFFLOAD"])
_pool = isolate.Pool(_ISOLATES, nice=int(os.environ["NICE"])) if _ISOLATES else None


async def app(request: Request) -> str:
    """Anything else is a hello."""
    if request.path != "/work":
        return "Hello, world!"
    if _pool is None:
        return str(there.burn())
    return str(await _pool.run(there.burn))
