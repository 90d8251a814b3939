"""One fault in one of two workers, and what the other one's clients see of it."""

import asyncio
import contextlib
import re
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.faults.cases import Fault
from experiments.faults.clients import Connection, Seen, Steady, Visitors
from experiments.faults.serving import Breakable
from experiments.harness.paths import scrub
from experiments.harness.server import subsrv
from subsrv.bench.launch import LaunchError

_APP = "experiments.apps.faulty:app"
HANG_TIMEOUT = 1.0
_OPTIONS = ("--hang-timeout", f"{HANG_TIMEOUT:g}", "--graceful-timeout", "2")
_CALM = 0.5  # seconds before the fault
_TRIES = 200  # connections to meet both workers
_LOGGED = 6  # lines of the log that are kept, of those that are not a traceback's


async def trial(python: str, mode: str, fault: Fault) -> dict[str, Any]:
    """The facts of one fault; LaunchError where the server did not even start."""
    with tempfile.TemporaryDirectory() as folder:
        words = subsrv(python, _APP, mode=mode, workers=2, options=_OPTIONS)
        # Else a free-threaded build has a gigabyte of address space to begin with.
        env = {"FAULTY": f"{folder}/fail", "MIMALLOC_ARENA_RESERVE": "0"}
        async with Breakable(words, env) as server:
            begun = len(server.log)
            facts = await _befall(server, fault)
            logged = server.log[begun:]
            status = server.status if facts["died"] else await server.stop()
    return {**facts, "exit": status, "log": _told(logged)}


async def _befall(server: Breakable, fault: Fault) -> dict[str, Any]:
    async with contextlib.AsyncExitStack() as stack:
        return await _observed(server, fault, stack)


async def _observed(
    server: Breakable, fault: Fault, stack: contextlib.AsyncExitStack
) -> dict[str, Any]:
    stack.push_async_callback(asyncio.sleep, 0)  # in which what was closed below goes
    connections = await _one_to_each(server)
    for each in connections.values():
        stack.callback(each.close)
    (victim, doomed), (other, steadied) = connections.items()
    beside = await _again(server, victim)
    stack.callback(beside.close)
    steady, visitors = Steady(server.address, steadied), Visitors(server.address)
    running = [asyncio.create_task(each.run()) for each in (steady, visitors)]
    await asyncio.sleep(_CALM)
    calm = steady.seen
    calm.end()
    slow = asyncio.create_task(beside.fate("/slow", fault.seconds))
    await asyncio.sleep(0.05)  # it has arrived
    if fault.limited:
        _limit(int(victim.split()[0]), fault.limited)
    steady.seen, visitors.seen = Seen(), Seen()
    begun = time.monotonic()
    asked = asyncio.create_task(doomed.fate(f"/{fault.name}", fault.seconds))
    while not server.ended and time.monotonic() < begun + fault.seconds:
        await asyncio.sleep(0.01)
    died = server.ended
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    steady.close()
    steady.seen.end()
    new = [when for who, when in visitors.met.items() if who not in (victim, other)]
    return {
        "died": died,
        "asked": await asked,
        "beside": await slow,
        "replaced": round(min(new) - begun, 3) if new else None,
        "calm": {"answered": calm.answered, "failed": calm.failed, "gap": round(calm.longest, 4)},
        "other": {
            "answered": steady.seen.answered,
            "failed": steady.seen.failed,
            "gap": round(steady.seen.longest, 4),
        },
        "new": {"answered": visitors.seen.answered, "failed": visitors.seen.failed},
    }


async def _one_to_each(server: Breakable) -> dict[str, Connection]:
    """A connection to each of the two workers, by what the worker says of itself."""
    found: dict[str, Connection] = {}
    for _ in range(_TRIES):
        connection = await Connection.to(server.address)
        _, who = await connection.get("/")
        if who in found:
            connection.close()
        else:
            found[who] = connection
        if len(found) == 2:
            return found
    raise LaunchError("one worker takes all connections")


async def _again(server: Breakable, wanted: str) -> Connection:
    """Another connection to this worker."""
    for _ in range(_TRIES):
        connection = await Connection.to(server.address)
        if (await connection.get("/"))[1] == wanted:
            return connection
        connection.close()
    raise LaunchError("one worker takes no more connections")


def _limit(pid: int, more: int) -> None:
    """Let the process have so many bytes of address space more."""
    status = Path(f"/proc/{pid}/status").read_text()
    (size,) = re.findall(r"^VmSize:\s*(\d+) kB", status, re.MULTILINE)
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (int(size) * 1024 + more, hard))


def _told(log: str) -> list[str]:
    """What the server says, without tracebacks, and the same whichever worker it was."""
    lines = [line for line in log.splitlines() if line.startswith(("subsrv: ", "Fatal "))]
    told = [re.sub(r"\bworker \d\b", "worker N", line) for line in lines]
    return [scrub(line) for line in dict.fromkeys(told)][:_LOGGED]
