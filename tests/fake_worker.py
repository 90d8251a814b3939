"""A worker without HTTP, which misbehaves when it is told to: what backends are tested with.

$FAULTS says what it does before it accepts ({"1": "die"}: the worker of index 1 dies), and one word
sent over a connection what it does then.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import threading

from subsrv import sockets
from subsrv.control import Channel
from subsrv.rescue import Rescue
from subsrv.spec import Spec


def run_worker(text: str) -> None:
    """What subsrv.worker.run_worker does, as far as a supervisor can see."""
    spec = Spec.loads(text)
    listeners = [sockets.adopt(fd) for fd in spec.listeners]
    with (
        Channel.adopt(spec.control) as channel,
        Rescue(Channel.adopt(spec.rescue)),
        selectors.DefaultSelector() as selector,
    ):
        try:
            begin(spec, channel)
            selector.register(channel, selectors.EVENT_READ)
            serve(selector, channel, listeners, held=spec.held)
        except EOFError:  # the supervisor is gone
            pass
        except StartError as failure:
            channel.send("failed", status=3, message=str(failure), detail="its traceback")
        finally:
            for listener in listeners:
                listener.close()


class StartError(Exception):
    """Sent as "failed"."""


def begin(spec: Spec, channel: Channel) -> None:
    faults = json.loads(os.environ.get("FAULTS", "{}"))
    match faults.get(str(spec.worker), faults.get("all")):
        case "fail":
            raise StartError("cannot load the app")
        case "die":
            raise RuntimeError("boom at the start")
        case ["hang", path]:
            mark(path)
            threading.Event().wait()
        case ["later", marker, path] if os.path.exists(marker):
            mark(path)
            threading.Event().wait()
        case ["once", path] if os.path.exists(path):
            raise StartError("loads only once")
        case ["once", path] | ["later", path, _]:
            mark(path)
        case "litter":
            threading.Thread(target=threading.Event().wait).start()
        case ["import", module]:
            __import__(module)
    channel.send("ready", gil=sys._is_gil_enabled(), python=sys.version, **identity())


def mark(path: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write("started\n")


def identity() -> dict[str, object]:
    """What tells one isolate from another."""
    import _interpreters

    current = _interpreters.get_current()[0]
    return {"interpreter": current, "thread": threading.get_native_id(), "pid": os.getpid()}


def serve(
    selector: selectors.BaseSelector,
    channel: Channel,
    listeners: list[socket.socket],
    *,
    held: bool,
) -> None:
    if not held:
        accept(selector, listeners)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                for message in channel.receive():
                    if message.type == "accept":
                        accept(selector, listeners)
                    elif message.type == "ping":
                        channel.send("pong", gil=sys._is_gil_enabled())
                    elif message.type == "reopen":
                        sys.stderr.write("reopened\n")
                    elif message.type == "stop":
                        channel.send("draining")
                        channel.send("gone")
                        return
            else:
                answer(key.data, channel)


def accept(selector: selectors.BaseSelector, listeners: list[socket.socket]) -> None:
    for listener in listeners:
        selector.register(listener, selectors.EVENT_READ, listener)


def answer(listener: socket.socket, channel: Channel) -> None:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:  # another worker was faster
        return
    with connection:
        connection.setblocking(True)
        match connection.recv(100):
            case b"who":
                connection.sendall(json.dumps(identity()).encode() + b"\n")
                with contextlib.suppress(ConnectionResetError):
                    connection.recv(1)  # busy until the client lets it go
            case b"die":
                raise RuntimeError("boom")
            case b"memory":
                raise MemoryError
            case b"exit":
                sys.exit(5)
            case b"kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case b"hang":
                connection.sendall(b"hanging\n")
                threading.Event().wait()
            case b"hold":
                connection.sendall(b"hanging\n")
                hold()
            case b"spend":
                channel.send("spent", reason="it was told so")
            case b"fork":
                fork_a_holder(connection)


def hold() -> None:
    """Block in C, and keep the GIL, if there is one."""
    # A PyDLL, unlike others, is called with the GIL.
    ctypes.PyDLL(None).pause()


def fork_a_holder(connection: socket.socket) -> None:
    """A process that outlives the worker and holds all its descriptors, until the client ends."""
    if os.fork() == 0:
        connection.recv(1)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
