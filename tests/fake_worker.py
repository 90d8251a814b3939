"""A worker without HTTP: one line in, one line out, and it misbehaves when it is told to.

Its commands come over a connection, or, for the time before it accepts, in `Config.app`.
"""

import json
import os
import selectors
import socket
import sys
import threading
import time

from subsrv import sockets
from subsrv.control import Channel
from subsrv.spec import Spec


def run_worker(text: str) -> None:
    """What subsrv.worker.run_worker does, as far as a supervisor can see."""
    spec = Spec.loads(text)
    listeners = [sockets.adopt(fd) for fd in spec.listeners]
    with Channel.adopt(spec.control) as channel, selectors.DefaultSelector() as selector:
        try:
            _start(spec, channel)
            selector.register(channel, selectors.EVENT_READ)
            for listener in listeners:
                selector.register(listener, selectors.EVENT_READ, listener)
            _serve(selector, channel)
        except EOFError:  # the supervisor is gone
            pass
        except _FailedError as failure:
            channel.send("failed", status=3, message=str(failure), detail="a traceback")
        finally:
            for listener in listeners:
                listener.close()


class _FailedError(Exception):
    pass


def _start(spec: Spec, channel: Channel) -> None:
    match (spec.config.app or "").partition(":"):
        case ("fail", _, index) if spec.index == int(index or spec.index):
            raise _FailedError("cannot load the app")
        case ("die", _, _):
            raise RuntimeError("boom at start")
        case ("hang", _, marker):
            _mark(marker)
            threading.Event().wait()
        case ("once", _, marker) if os.path.exists(marker):
            raise _FailedError("loads only once")
        case ("once", _, marker):
            _mark(marker)
        case ("datetime", _, _):
            import datetime  # noqa: F401
    channel.send("ready", gil=sys._is_gil_enabled(), python=sys.version, **identity())


def _mark(path: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write("started\n")


def identity() -> dict[str, int]:
    """What tells one isolate from another."""
    if sys.version_info >= (3, 14):
        from concurrent import interpreters
    else:
        from interpreters_backport import interpreters

    return {
        "interpreter": interpreters.get_current().id,
        "thread": threading.get_native_id(),
        "pid": os.getpid(),
    }


def _serve(selector: selectors.BaseSelector, channel: Channel) -> None:
    while True:
        for key, _ in selector.select():
            if key.data is None:
                if any(message.type == "stop" for message in channel.receive()):
                    channel.send("gone")
                    return
            else:
                _answer(key.data)


def _answer(listener: socket.socket) -> None:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:  # another worker was faster
        return
    with connection:
        connection.setblocking(True)
        match connection.recv(100).decode().split():
            case ["who"]:
                # Long enough for another worker to take the next connection.
                connection.sendall(json.dumps(identity()).encode())
            case ["die"]:
                raise RuntimeError("boom")
            case ["exit"]:
                sys.exit(5)
            case ["segv"]:
                os.kill(os.getpid(), 9)
            case ["hang"]:
                connection.sendall(b"hanging")
                threading.Event().wait()
            case ["busy"]:
                time.sleep(0)
