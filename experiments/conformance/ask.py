"""Every case to one server, and to it again where it has stopped in between."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from itertools import batched

from experiments.conformance.case import Case, get
from experiments.conformance.judge import right
from experiments.conformance.servers import Running
from experiments.conformance.wire import Address, Observed, observe

_AT_ONCE = 24
_PATIENCE = 1.0  # seconds without a byte until a server is taken to wait for more
_FEW = 4
_MORE_PATIENCE = 3.0


def _observe(address: Address, data: bytes, patience: float) -> Observed:
    try:
        return observe(address, data, patience=patience)
    except OSError:
        # Another case has just stopped the server: it is asked again, once that is found.
        return Observed(raw=b"", closed=True, interim=(), answers=(), garbled=False)


class Asker:
    """Asks a server, started when needed. A context manager: leaving it stops the server.

    Attributes:
      stopped_by: the cases after which it answered nobody any more, and was started anew.
      running: the server.
    """

    def __init__(self, start: Callable[[], AbstractContextManager[Running]]) -> None:
        self._start = start
        self._stack = ExitStack()
        self.running = self._stack.enter_context(start())
        self.stopped_by: list[str] = []

    def ask(self, cases: dict[str, Case]) -> dict[str, Observed]:
        """What it does with each case: what was not right is asked once more, with patience."""
        found = self._all(cases, cases, _AT_ONCE, _PATIENCE)
        wrong = [name for name, case in cases.items() if not right(case, found[name])]
        found |= self._all(cases, wrong, _FEW, _MORE_PATIENCE)
        return found

    def _all(
        self, cases: dict[str, Case], names: Iterable[str], at_once: int, patience: float
    ) -> dict[str, Observed]:
        found: dict[str, Observed] = {}
        for some in batched(names, at_once, strict=False):
            found.update(self._settle(cases, some, patience))
        return found

    def _settle(
        self, cases: dict[str, Case], names: tuple[str, ...], patience: float
    ) -> Iterator[tuple[str, Observed]]:
        """Some cases at once; halved until it is clear which of them a server does not survive."""
        address = self.running.address
        with ThreadPoolExecutor(len(names)) as pool:
            found = list(
                pool.map(lambda name: _observe(address, cases[name].data, patience), names)
            )
        if self._is_well():
            yield from zip(names, found, strict=True)
            return
        self._stack.close()
        self.running = self._stack.enter_context(self._start())
        if len(names) == 1:
            if names[0] not in self.stopped_by:
                self.stopped_by.append(names[0])
            yield names[0], found[0]
            return
        half = len(names) // 2
        yield from self._settle(cases, names[:half], patience)
        yield from self._settle(cases, names[half:], patience)

    def _is_well(self) -> bool:
        try:
            observed = observe(self.running.address, get(), patience=_MORE_PATIENCE, answers=1)
        except OSError:
            return False
        return [answer.status for answer in observed.answers] == [200]

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
