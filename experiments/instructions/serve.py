"""The worker that is counted: `python -m experiments.instructions.serve MODE SPEC`."""

import sys

from subsrv import worker
from subsrv.backends import program
from subsrv.backends.interp import interpreters

# The coarse clock comes once a second, and a request under callgrind takes fifty times as long as
# it does else. So it stands still: what is counted must not depend on how fast this machine is.
_STILL = 86400.0  # seconds: a turn a day


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
    worker.run_worker(spec)


if __name__ == "__main__":
    main(*sys.argv[1:])
