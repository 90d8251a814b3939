"""The command; see the package."""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments import report
from experiments.harness import cpus, environment, publish
from experiments.harness.command import names, positive
from experiments.harness.interpreters import FREE_THREADED, InterpreterError, Interpreters
from experiments.harness.paths import RESULTS
from experiments.harness.server import Command, Server, in_words, subsrv
from experiments.options import MODES
from experiments.swaps.clients import APP, Clients
from subsrv.bench import processes, wrk
from subsrv.bench.launch import LaunchError

_WORKERS = 2
_CONNECTIONS = 16  # of wrk
_PATIENCE = 30.0  # seconds for one swap, and for old workers to be gone
_LOOKS = 50  # at memory, over all swaps


class _Swapper:
    """One server, its application's versions, and the looks at its memory."""

    def __init__(self, server: Server, notified: socket.socket, source: Path) -> None:
        self._server = server
        self._notified = notified
        self._source = source
        self._tasks = self._count_tasks()
        self.seconds: list[float] = []
        self.looks: list[tuple[int, int]] = []

    async def swap(self, version: int) -> None:
        """Write the version, have it loaded, and wait until only that is served."""
        self._source.write_text(APP.format(version=version))
        begun = time.monotonic()
        os.kill(self._server.pid, signal.SIGHUP)
        async with asyncio.timeout(_PATIENCE):
            while await self._hear() != b"READY=1":
                pass
        self.seconds.append(time.monotonic() - begun)

    async def look(self, swaps: int) -> None:
        """How much memory is in use, once the old workers are gone."""
        deadline = time.monotonic() + _PATIENCE
        while self._count_tasks() > self._tasks:
            if time.monotonic() > deadline:
                raise LaunchError("old workers are still there")
            await asyncio.sleep(0.05)
        self.looks.append((swaps, processes.memory(self._server.pid).uss))

    async def _hear(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._notified, 1000)

    def _count_tasks(self) -> int:
        """Threads of all processes."""
        count = 0
        for pid in processes.tree(self._server.pid):
            try:
                count += len(os.listdir(f"/proc/{pid}/task"))
            except FileNotFoundError:
                continue
        return count


async def _swaps(swapper: _Swapper, clients: Clients, swaps: int) -> None:
    """All swaps, one after the other, under the clients' load."""
    running = asyncio.create_task(clients.run())
    try:
        for done in range(swaps):
            if done % max(1, swaps // _LOOKS) == 0:
                await swapper.look(done)
            await swapper.swap(done + 2)
            clients.least = done + 2
        await swapper.look(swaps)
    finally:
        clients.stop()
        await running


async def _loaded(server: Server, swapper: _Swapper, swaps: int) -> tuple[Clients, wrk.Report]:
    """The swaps under the clients, and under wrk beside them."""
    words = ("-t1", f"-c{_CONNECTIONS}", "-d36000s", "--timeout=30s", server.url)
    load = await asyncio.create_subprocess_exec(
        "wrk", *words, stdout=asyncio.subprocess.PIPE, text=False
    )
    clients = Clients(server.address, seed=1)
    try:
        await _swaps(swapper, clients, swaps)
        load.send_signal(signal.SIGINT)
        output, _ = await load.communicate()
    except BaseException:
        load.kill()
        raise
    return clients, wrk.parse(output.decode())


def measured(python: str, mode: str, *, swaps: int) -> dict[str, Any]:
    """One mode: what was found, and "failures", which is empty where nothing was wrong."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
    ):
        source = Path(folder) / "swapped.py"
        source.write_text(APP.format(version=1))
        notified.bind(f"{folder}/notify")
        notified.settimeout(_PATIENCE)
        # Without bytecode, a version is told from the one before it even within a second.
        env = {"NOTIFY_SOCKET": f"{folder}/notify", "PYTHONDONTWRITEBYTECODE": "1"}
        words = subsrv(
            python, "swapped:app", mode=mode, workers=_WORKERS, options=("--app-dir", folder)
        )
        try:
            with Server(Command(words=words, env=env)) as server:
                notified.recv(1000)  # READY=1 of its start
                notified.setblocking(False)
                swapper = _Swapper(server, notified, source)
                clients, load = asyncio.run(_loaded(server, swapper, swaps))
        except (LaunchError, TimeoutError) as error:
            return {"failures": [in_words(error)]}
    outcome = clients.outcome
    failures = [*outcome.wrong[:20], *([f"wrk: {load.faults}"] if load.faults else [])]
    if len(swapper.seconds) != swaps or max(outcome.versions, default=0) != swaps + 1:
        failures.append(f"{len(swapper.seconds)} of {swaps} swaps were seen")
    return {
        "failures": failures,
        "swaps": swaps,
        "requests": load.requests + sum(outcome.done.values()),
        "done": {**outcome.done, "wrk": load.requests},
        "seconds": round(statistics.median(swapper.seconds), 3),
        "longest": round(max(swapper.seconds), 3),
        "kb_per_swap": round(slope(swapper.looks) / 1e3, 2),
        "looks": swapper.looks,
    }


def slope(looks: Sequence[tuple[int, int]]) -> float:
    """Bytes for each swap: a least-squares line through all but the first quarter."""
    later = looks[len(looks) // 4 :]
    if len(later) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*later, strict=True)).slope


def main(arguments: list[str] | None = None) -> int:
    """Swap in every mode; exit status 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m experiments.swaps", description=__doc__)
    parser.add_argument("--swaps", type=positive, default=1000, help="in each mode")
    parser.add_argument("--modes", type=names(MODES), default=["interp", "process"], metavar="LIST")
    parser.add_argument("--pythons", default="3.14,3.15", metavar="LIST", help="but for nogil")
    parser.add_argument("--output", type=Path, help="instead of a new file in results/swaps")
    options = parser.parse_args(arguments)
    about = environment.describe(cpus.split())
    path = options.output or publish.new_file(RESULTS, "swaps", about)
    interpreters = Interpreters()
    result: dict[str, Any] = {"about": about, "runs": []}
    for mode in options.modes:
        for wanted in [FREE_THREADED] if mode == "nogil" else options.pythons.split(","):
            try:
                python = interpreters.get(wanted)
            except InterpreterError as error:
                found: dict[str, Any] = {"failures": [f"not had: {error}"]}
                name = wanted
            else:
                found = measured(python.path, mode, swaps=options.swaps)
                name = python.name
            result["runs"].append({"mode": mode, "python": name, **found})
            verdict = "; ".join(found["failures"]) or "nothing wrong"
            print(f"{mode} on {name}: {found.get('done', {})}: {verdict}", flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.output is None:
        report.main([])
    return int(any(run["failures"] for run in result["runs"]))


if __name__ == "__main__":
    sys.exit(main())
