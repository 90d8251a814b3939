"""The command; see the package."""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments import report
from experiments.harness import cpus, environment, publish
from experiments.harness.command import names, positive
from experiments.harness.interpreters import FREE_THREADED, InterpreterError, Interpreters
from experiments.harness.paths import BUILD, REPOSITORY, RESULTS
from experiments.harness.server import Command, Server, in_words, subsrv
from experiments.options import MODES
from experiments.swaps.clients import APP, Clients
from subsrv.bench import processes, wrk
from subsrv.bench.launch import LaunchError

_WORKERS = 2
_CONNECTIONS = 16  # of wrk
_PATIENCE = 30.0  # seconds for one swap, and for old workers to be gone
_LOOKS = 50  # at memory, over all swaps
_OF_A_RUN = ("begun", "subsrv_commit")  # of the environment: runs of one file may lie apart


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
        used = processes.memory(self._server.pid).uss
        self.looks.append((swaps, used))
        took = statistics.median(self.seconds[-_LOOKS:]) if self.seconds else 0.0
        print(f"{swaps} swaps, {took:.2f} s each, {used / 1e6:.1f} MB", file=sys.stderr)

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
    # Never idle, but it yields to workers that start: a swap is to take what it takes.
    words = ("nice", "-n10", "wrk", "-t1", f"-c{_CONNECTIONS}", "-d36000s", "--timeout=30s")
    load = await asyncio.create_subprocess_exec(
        *words, server.url, stdout=asyncio.subprocess.PIPE, text=False
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
    # As where it is installed: or each worker would compile it, as that may not be kept below.
    subprocess.run((python, "-m", "compileall", "-q", "subsrv"), cwd=REPOSITORY, check=True)
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
        "looks": swapper.looks,
    }


def _cells(modes: list[str], pythons: list[str]) -> Iterator[tuple[str, str]]:
    """Mode and leg of each run."""
    for leg in pythons:
        yield from ((mode, leg) for mode in modes if mode != "nogil")
    if "nogil" in modes:
        yield "nogil", FREE_THREADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments.swaps", description=__doc__)
    add = parser.add_argument
    add("--swaps", type=positive, default=1000, metavar="N", help="in each run (default: 1000)")
    add("--modes", type=names(MODES), default=["interp", "process"], metavar="LIST")
    add("--pythons", default="3.14,3.15", metavar="LIST", help="but for nogil")
    add("--quick", action="store_true", help="20 swaps each: a trial, without publishing")
    add("--output", type=Path, metavar="FILE", help="instead of a new file in results/swaps")
    add("--resume", type=Path, metavar="FILE", help="add the runs that it lacks to this file")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Swap in every mode; exit status 1 if anything was wrong."""
    options = _parser().parse_args(arguments)
    swaps = 20 if options.quick else options.swaps
    about = environment.describe(cpus.split())
    result: dict[str, Any] = {"about": about, "runs": []}
    if options.resume:
        result = json.loads(options.resume.read_text())
        path = options.resume
    elif options.quick and not options.output:
        path = BUILD / "swaps.json"
    else:
        path = options.output or publish.new_file(RESULTS, "swaps", about)
    path.parent.mkdir(parents=True, exist_ok=True)
    interpreters = Interpreters()
    for mode, leg in _cells(options.modes, options.pythons.split(",")):
        run: dict[str, Any] = {"mode": mode, "leg": leg, "python": leg}
        if any((each["mode"], each["leg"]) == (mode, leg) for each in result["runs"]):
            continue
        here = environment.describe(cpus.split())
        run |= {name: here[name] for name in _OF_A_RUN}
        try:
            python = interpreters.get(leg)
        except InterpreterError as error:
            run["failures"] = [f"not had: {error}"]
        else:
            run["python"] = python.name
            run |= measured(python.path, mode, swaps=swaps)
        result["runs"].append(run)
        verdict = "; ".join(run["failures"]) or "nothing wrong"
        print(f"{mode} on {run['python']}: {run.get('done', {})}: {verdict}", flush=True)
        path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if path.is_relative_to(RESULTS):
        report.main([])
    return int(any(run["failures"] for run in result["runs"]))


if __name__ == "__main__":
    sys.exit(main())
