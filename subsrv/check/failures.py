"""What can be wrong with an application in one mode."""

from dataclasses import dataclass
from enum import Enum

#: The phase of what the application never came to.
ALONE = "alone"


class Failure(Enum):
    """The class of a failure; the value is its name in JSON."""

    CPYTHON = "refused-by-cpython"
    SINGLE_PHASE = "single-phase"
    MODULE = "refused-by-module"
    SECOND = "second-load-refused"
    CRASH = "crashed"
    HANG = "hung"
    GIL = "gil-enabled"
    CLOSE = "wrong-at-close"
    BROKEN = "broken"
    APPLICATION = "application-error"
    REQUEST = "request-failed"

    @property
    def words(self) -> str:
        """The same, for people."""
        return _WORDS[self]


_WORDS = {
    Failure.CPYTHON: "CPython refuses it: it does not say that it supports several interpreters",
    Failure.SINGLE_PHASE: "CPython refuses it: it is of the old kind, made for one interpreter "
    "(single-phase initialisation)",
    Failure.MODULE: "it refuses, or fails, by itself in an interpreter of its own",
    Failure.SECOND: "it loads in one interpreter, but not in a second one of the same process",
    Failure.CRASH: "it crashed the process",
    Failure.HANG: "it hung",
    Failure.GIL: "it turns the GIL back on: it does not say that it works without",
    Failure.CLOSE: "it works, but its end goes wrong",
    Failure.BROKEN: "it does not load in any mode",
    Failure.APPLICATION: "the application itself fails",
    Failure.REQUEST: "the request was not answered well",
}


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
      failure: its class.
      said: what CPython, the module or the system said of it.
      module: the extension module; None where none is known to be guilty.
      file: where that was loaded from.
      chain: who imports it, from the application on; it is the last.
      phase: start, request, close or exit; "alone" where the application never came to it.
      isolate: 1, or 2 where only the second one of a process shows it.
      together: it shows only where both load at the same time.
      fatal: the mode does not work because of it; else the application went on without it, or,
        in the phase "alone", might.
      detail: a traceback, or the end of the trial's output.
      distribution, version: where the module comes from.
      advice: what can be done, most promising first.
      known: whether newer versions have been seen to fail as well.
    """

    failure: Failure
    said: str
    module: str | None = None
    file: str | None = None
    chain: tuple[str, ...] = ()
    phase: str = "start"
    isolate: int = 1
    together: bool = False
    fatal: bool = True
    detail: str | None = None
    distribution: str | None = None
    version: str | None = None
    advice: tuple[str, ...] = ()
    known: str | None = None


class State(Enum):
    """What is known of a mode; the value is its name in JSON."""

    WORKS = "works"
    FAILS = "fails"
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python that trials ran with. `interp` says why it has no interpreters of their own GIL."""

    path: str
    python: str
    free_threaded: bool
    gil: bool
    interp: str | None

    def __str__(self) -> str:
        return f"CPython {self.python}{' free-threaded' if self.free_threaded else ''}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One mode on one Python: whether the application works there; `why` it was not tried."""

    mode: str
    interpreter: Interpreter
    state: State
    why: str = ""
    troubles: tuple[Trouble, ...] = ()

    @property
    def fatal(self) -> tuple[Trouble, ...]:
        """What the mode does not work for."""
        return tuple(each for each in self.troubles if each.fatal)
