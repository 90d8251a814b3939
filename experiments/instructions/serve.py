"""The worker that is counted: `python -m experiments.instructions.serve MODE SPEC`."""

import sys
from typing import Any

from experiments.instructions import app
from subsrv import worker
from subsrv.backends import program
from subsrv.backends.interp import interpreters
from subsrv.reactor import Reactor

# The coarse clock comes once a second, and a request under callgrind takes fifty times as long as
# it does else. So it stands still, or what is counted would depend on how fast this machine is; and
# it comes when a count begins, since there are things that it makes a worker forget.
_STILL = 86400.0  # seconds: a turn a day


class _Reactor(Reactor):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        app.before_a_mark = self._tell

    def _tell(self) -> None:
        if self.on_tick is not None:
            server: Any = getattr(self.on_tick, "__self__", None)
            server._second = 0  # none that it knows
            self.on_tick(self.now)


def main(mode: str, spec: str) -> None:
    """Serve until told to stop, in an interpreter of its own if that is the mode."""
    if mode == "interp":
        interpreter = interpreters().create()
        interpreter.exec(program(f"{__spec__.name}:serve", sys.path, spec))
        interpreter.close()
    else:
        serve(spec)


def serve(spec: str) -> None:
    """Serve until told to stop."""
    setattr(worker, "_tick", lambda _config: _STILL)  # noqa: B010  # as mypy would not have it
    setattr(worker, "Reactor", _Reactor)  # noqa: B010  # the same
    worker.run_worker(spec)


if __name__ == "__main__":
    main(*sys.argv[1:])
