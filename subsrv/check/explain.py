"""What check would say of one extension module, for the error of a server that cannot start."""

import itertools
import sys
from collections.abc import Iterator, Sequence

from subsrv.check import packages, remedies
from subsrv.check.failures import Failure, Trouble


def shortened(chain: Sequence[str]) -> Iterator[str]:
    """A chain of imports for people: of other people's packages, only where one is entered."""
    mine = chain[0].partition(".")[0]
    for top, run in itertools.groupby(chain[:-1], key=lambda each: each.partition(".")[0]):
        yield from run if top == mine else (top,)
    yield chain[-1]


def explain(module: str, chain: Sequence[str] = (), *, mode: str, app: str | None) -> str:
    """Lines that say where a module comes from, who imports it, and what can be done.

    Called by workers, but only by those that cannot start.
    """
    failure = Failure.GIL if mode == "nogil" else Failure.CPYTHON
    loaded = sys.modules.get(module)
    distribution, version = packages.find(module, getattr(loaded, "__file__", None))
    trouble = Trouble(
        failure=failure, said="", module=module, distribution=distribution, version=version
    )
    lines = []
    if distribution is not None:
        lines.append(f"{module} comes from {distribution} {version}")
    if chain:
        # Where nobody says which module refused, it is the last that was imported.
        path = chain if chain[-1] == module else [*chain, module]
        lines.append(f"imported by {' > '.join(shortened(path))}")
    if known := remedies.upgrades(trouble, mode):
        lines.append(f"known: {known}")
    lines += (f"try: {advice}" for advice in remedies.advise(trouble, mode))
    lines.append(f"subsrv check {app or 'APP'} tells more")
    return "\n".join(lines)
