"""A pytest that is killed leaves no server behind."""

import signal
import subprocess
import sys
from pathlib import Path

from fake_server import wait_gone

PROGRAM = """
import os, signal, sys
from contract.serving import Server
from fake_server import FakeServer
server, fake = Server("--workers", "1"), FakeServer(mode="thread").wait_ready()
print(server.pid, fake.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_servers_end_with_their_pytest() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[1]}"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    wait_gone(pids)
