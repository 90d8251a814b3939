"""Modes, applications and traffic that several studies have."""

from experiments.harness.interpreters import FREE_THREADED, GIL
from experiments.harness.paths import VARIED
from experiments.harness.study import Option
from experiments.harness.wrk import Wrk

INTERFACES = ("native", "asgi", "wsgi")

#: Kinds of worker by the name that studies give them: mode, leg of the interpreter, options.
KINDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "interp": ("interp", GIL, ()),
    "nogil": ("nogil", FREE_THREADED, ()),
    "thread": ("thread", GIL, ()),
    "thread-t": ("thread", FREE_THREADED, ()),
    "process": ("process", GIL, ("--start-method", "spawn")),
    "process-fork": ("process", GIL, ("--start-method", "fork")),
}
#: The four modes, each where it is at home.
MODES = ("interp", "nogil", "thread", "process")

WORKERS = Option("workers", "numbers of workers", ("1", "2"))

REPEATED = Wrk()
VARIED_TRAFFIC = Wrk(script=VARIED, seeded=True)


def kinds(*names: str) -> Option:
    """An option for kinds of worker."""
    return Option(
        "modes",
        "kinds of worker (thread-t: threads on the free-threaded build)",
        names or MODES,
        tuple(KINDS),
    )
