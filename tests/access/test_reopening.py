"""A worker that is told to reopen its access log."""

import gc
import os
import socket
import threading
from pathlib import Path

from subsrv.config import Config
from subsrv.control import Channel, Message
from subsrv.spec import Spec
from subsrv.worker import run_worker


def test_a_worker_goes_on_in_a_new_file(tmp_path: Path) -> None:
    """Whatever kind of worker it is: all take the same messages in the same way."""
    path, moved = tmp_path / "log", tmp_path / "log.1"
    config = Config(access_log=True, access_log_format="%(U)s", access_log_file=str(path))
    ours, theirs = Channel.pair()
    with ours, socket.create_server(("127.0.0.1", 0)) as listener:
        listeners = (os.dup(listener.fileno()),)
        spec = Spec(config=config, worker=0, listeners=listeners, control=theirs.detach())
        worker = threading.Thread(target=run_worker, args=(spec.dumps(),))
        worker.start()
        heard = hear(ours, "ready")
        get(listener, b"/before")
        path.rename(moved)
        ours.send("reopen")
        ours.send("stats")
        heard = hear(ours, "stats")
        get(listener, b"/after")
        ours.send("stop", timeout=5)
        heard = hear(ours, "gone")
        worker.join()
        gc.unfreeze()  # what the worker has frozen is the tests' here
    assert heard.fields["requests"] == 2
    assert (moved.read_text(), path.read_text()) == ("/before\n", "/after\n")


def hear(channel: Channel, type_: str) -> Message:
    while True:
        for message in channel.receive():
            if message.type == type_:
                return message


def get(listener: socket.socket, path: bytes) -> None:
    with socket.create_connection(listener.getsockname(), 10) as sock:
        sock.sendall(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        assert sock.recv(65536) == b""
