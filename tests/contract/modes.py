"""The kinds of worker, and which of them this interpreter can have."""

import sysconfig
from dataclasses import dataclass

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@dataclass(frozen=True)
class Mode:
    """One kind of worker, by the flags that choose it."""

    name: str
    flags: tuple[str, ...]
    #: Each worker is a process, and can be killed.
    processes: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def possible(self) -> bool:
        return self.name != "nogil" or FREE_THREADED

    @property
    def gil(self) -> str:
        """What the ready line says of the GIL."""
        if FREE_THREADED:
            return "off"
        return {"interp": "per-interpreter", "thread": "shared"}.get(self.name, "per-process")


ALL = (
    Mode("interp", ("--mode", "interp")),
    Mode("nogil", ("--mode", "nogil")),
    Mode("thread", ("--mode", "thread")),
    Mode("spawn", ("--mode", "process", "--start-method", "spawn"), processes=True),
    Mode("fork", ("--mode", "process", "--start-method", "fork"), processes=True),
)
# The others are not passed over: test_startup.py holds them to their refusal.
POSSIBLE = tuple(mode for mode in ALL if mode.possible)
# Kinds that share all but their start with another: with the GIL, threads with interpreters;
# without it, both of them with threads; forked processes with spawned ones.
AKIN = ("interp", "thread", "fork") if FREE_THREADED else ("thread", "fork")
DISTINCT = tuple(mode for mode in POSSIBLE if mode.name not in AKIN)
