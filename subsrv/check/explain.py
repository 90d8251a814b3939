"""What check would say of one extension module, for the error of a server that cannot start."""

import sys
from collections.abc import Sequence

from subsrv.check import packages, remedies
from subsrv.check.failures import Failure, Trouble


def explain(module: str, chain: Sequence[str] = (), *, mode: str, app: str | None) -> str:
    """Lines that say where a module comes from, who imports it, and what can be done.

    Called by workers, but only by those that cannot start.
    """
    failure = Failure.GIL if mode == "nogil" else Failure.CPYTHON
    loaded = sys.modules.get(module)
    distribution, version = packages.find(module, getattr(loaded, "__file__", None))
    trouble = Trouble(failure=failure, said="", module=module, distribution=distribution)
    lines = []
    if distribution is not None:
        lines.append(f"{module} comes from {distribution} {version}")
    if chain:
        # Where nobody says which module refused, it is the last that was imported.
        path = chain if chain[-1] == module else [*chain, module]
        lines.append(f"imported by {' > '.join(path)}")
    lines += (f"try: {advice}" for advice in remedies.advise(trouble, mode))
    if app is not None:
        lines.append(f"subsrv check {app} tells more")
    return "\n".join(lines)
