"""What each swap adds to memory: the slope of a line, and how sure it is."""

import random
import statistics
from collections.abc import Sequence

from experiments.harness.figures import Figure

#: So much of the swaps is left out: allocators and caches fill up in the beginning.
WARM_UP = 0.25
_RESAMPLES = 1000
_TAIL = round(0.025 * _RESAMPLES)

Looks = Sequence[tuple[int, int]]
"""How many swaps there had been, and the bytes that were in use."""


def steady(looks: Looks) -> Looks:
    """Those after the warm-up."""
    last = looks[-1][0] if looks else 0
    return [(swaps, size) for swaps, size in looks if swaps >= WARM_UP * last]


def slope(looks: Looks) -> Figure | None:
    """KB for each swap: least squares after the warm-up; None where there is too little.

    The interval of 95 % is a bootstrap of what is left beside the line, in blocks: looks that
    follow one another are alike, and to draw each by itself would make the line look surer than
    it is.
    """
    later = steady(looks)
    if len(later) < 4:
        return None
    swaps = [float(done) for done, _ in later]
    sizes = [size / 1e3 for _, size in later]
    value, base = statistics.linear_regression(swaps, sizes)
    beside = [size - base - value * done for done, size in zip(swaps, sizes, strict=True)]
    generator = random.Random(len(later))  # always the same draws, so that pages can be checked
    block = round(len(later) ** 0.5)
    found = []
    for _ in range(_RESAMPLES):
        drawn: list[float] = []
        while len(drawn) < len(later):
            begin = int(generator.random() * (len(later) - block + 1))
            drawn += beside[begin : begin + block]
        again = [value * done + each for done, each in zip(swaps, drawn, strict=False)]
        found.append(statistics.linear_regression(swaps, again).slope)
    found.sort()
    return Figure(value, found[_TAIL], found[-_TAIL - 1], len(later))
