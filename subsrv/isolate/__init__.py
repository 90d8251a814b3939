"""Isolates for applications: spawn, ports, run. See docs/isolates.md.

    from subsrv import isolate

    total = await isolate.run(shop.total, order)

One interface whatever the isolate is made of: an interpreter with its own GIL, a thread (without a
GIL on a free-threaded build), or a process.
"""

from typing import Any

from subsrv.isolate.errors import (
    IsolateDiedError,
    IsolateError,
    Killed,
    NotReceivableError,
    NotSendableError,
    PortClosedError,
    PortFullError,
    RemoteError,
    RemoteTraceback,
)
from subsrv.isolate.groups import Group
from subsrv.isolate.kinds import KINDS
from subsrv.isolate.pool import Pool, run, run_sync
from subsrv.isolate.receiving import ReceivePort
from subsrv.isolate.replicas import Cache, Counter
from subsrv.isolate.sending import SendPort
from subsrv.isolate.spawning import PRIORITIES, Exit, Isolate, Priority, spawn
from subsrv.isolate.state import State, current
from subsrv.isolate.transferable import Transferable

__all__ = [
    "KINDS",
    "PRIORITIES",
    "Cache",
    "Counter",
    "Exit",
    "Group",
    "Isolate",
    "IsolateDiedError",
    "IsolateError",
    "Killed",
    "NotReceivableError",
    "NotSendableError",
    "Pool",
    "PortClosedError",
    "PortFullError",
    "Priority",
    "ReceivePort",
    "RemoteError",
    "RemoteTraceback",
    "SendPort",
    "State",
    "Transferable",
    "current",
    "run",
    "run_sync",
    "spawn",
]


def __getattr__(name: str) -> Any:
    if name == "kind":
        return current().kind
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
