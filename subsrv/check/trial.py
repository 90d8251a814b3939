"""One trial, in a process that may crash or hang: `python -m subsrv.check.trial`.

The order comes as JSON on standard input; what happens goes out as events (see `watch.py`):
  about    {python, free_threaded, gil, interp}   interp: why it has no such interpreters, or None
  phase    {name}                                 start, request, close, exit
  failed   {message, detail}                      without a module: the application, or a worker
  answer   {isolate, status}                      to the request of --probe
  gil      {on}                                   at the end of each phase
  origin   {module, distribution, version}        where an extension module comes from
"""

import contextlib
import dataclasses
import faulthandler
import http.client
import json
import os
import platform
import sys
import sysconfig
from typing import Any

from subsrv import backends, sockets
from subsrv.backends import interp
from subsrv.check import packages, watch
from subsrv.config import Config
from subsrv.control import Channel
from subsrv.errors import ConfigError, SubsrvError
from subsrv.spec import Spec

_WATCHED = "subsrv.check.watch:run_worker"
# Two isolates, for some modules load once in a process, and crash or refuse the second time.
_ISOLATES = 2
_DRAIN = 5.0  # seconds for what the application still does when it is to stop


def main() -> None:
    """Do what the order says."""
    # What the application starts must not keep the channel open.
    os.set_inheritable(int(os.environ[watch.DESCRIPTOR]), False)
    faulthandler.enable()  # for a crash, and for SIGABRT when the time is over
    order = json.load(sys.stdin)
    match order.pop("what"):
        case "about":
            watch.send("about", **_about())
        case "serve":
            config = Config.loads(order.pop("config"))
            _serve(config, **order)
        case "extensions":
            _extensions(**order)
        case "origins":
            sys.path.insert(0, order["path"])
            for module, file in order["extensions"]:
                name, version = packages.find(module, file)
                watch.send("origin", module=module, distribution=name, version=version)
    # From here on the interpreter itself can still crash.
    watch.send("phase", name="exit")


def _about() -> dict[str, Any]:
    try:
        interp.interpreters()
        missing = None
    except ConfigError as error:
        missing = str(error)
    return {
        "python": platform.python_version(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil": _gil(),
        "interp": missing,
    }


def _gil() -> bool:
    return getattr(sys, "_is_gil_enabled", lambda: True)()


class _Worker:
    """A worker under trial, its own listener, and what it has said."""

    def __init__(self, backend: backends.Backend, config: Config, index: int) -> None:
        self.index = index
        self.listener = sockets.bind("127.0.0.1:0", backlog=16)
        self.channel, theirs = Channel.pair()
        self.ready = False
        self._gone = False
        spec = Spec(
            config=config,
            worker=index,
            listeners=(self.listener.fileno(),),
            control=theirs.detach(),
        )
        self.handle = backend.start(spec, disown=lambda: None)

    def await_ready(self) -> None:
        """Wait until it serves, or has said why not."""
        while not self.ready and self._hear():
            pass

    def await_end(self) -> None:
        """Wait until nothing of it is left: its isolate is closed when its channel is."""
        while self._hear():
            pass
        self.handle.join()
        if not self._gone:
            self._failed(self.handle.why() or "it ended without a word", None)

    def stop(self) -> None:
        with contextlib.suppress(OSError):  # it has failed and is gone
            self.channel.send("stop", timeout=_DRAIN)

    def request(self, path: str) -> None:
        """Ask it for `path`, and report the status, or 0 where there is no answer."""
        host, _, port = self.listener.url.removeprefix("http://").rpartition(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port))) as connection:
            try:
                connection.request("GET", path)
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException):
                status = 0
        watch.send("answer", isolate=self.index + 1, status=status)

    def _hear(self) -> bool:
        """Take in what it says; False at the end."""
        try:
            messages = self.channel.receive()
        except EOFError:
            return False
        for message in messages:
            match message.type:
                case "ready":
                    self.ready = True
                case "gone":
                    self._gone = True
                case "failed" | "died":
                    self._gone = True
                    self._failed(message.fields["message"], message.fields["detail"])
        return True

    def _failed(self, message: str, detail: str | None) -> None:
        # Of a long traceback, the end: it names the error.
        detail = detail and detail[-20_000:]
        watch.send("failed", isolate=self.index + 1, message=message[:2000], detail=detail)


def _serve(config: Config, *, together: bool, probe: str | None) -> None:
    """Serve in two isolates, one after the other or at the same time, and stop again."""
    if config.mode == "interp":
        backend = backends.create(config, entry=_WATCHED)
    else:
        watch.install(1)
        # nogil's own refusal would end the trial at the first module that turns the GIL on.
        plain = "thread" if config.mode == "nogil" else config.mode
        config = dataclasses.replace(config, mode=plain)
        backend = backends.create(config)
    workers: list[_Worker] = []
    with _phase("start"):
        try:
            backend.prepare(config)
        except SubsrvError as error:
            watch.send("failed", isolate=1, message=str(error), detail=error.detail)
            return
        for index in range(1 if config.mode == "process" else _ISOLATES):
            workers.append(_Worker(backend, config, index))
            if not together:
                workers[-1].await_ready()
        for worker in workers:
            worker.await_ready()
    if probe is not None:
        with _phase("request"):
            for worker in workers:
                if worker.ready:
                    worker.request(probe)
    with _phase("close"):
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.await_end()
            worker.listener.close()


@contextlib.contextmanager
def _phase(name: str) -> Any:
    watch.send("phase", name=name)
    try:
        yield
    finally:
        watch.send("gil", on=_gil())


def _extensions(*, mode: str, path: str, extensions: list[tuple[str, str]]) -> None:
    """Try each of these extension modules on its own."""
    sys.path.insert(0, path)
    if mode != "interp":
        watch.load_each(1, extensions, run=False)
        return
    api = interp.interpreters()
    created = [api.create() for _ in range(_ISOLATES)]
    for index, interpreter in enumerate(created):
        entry = f"{watch.__name__}:load_each"
        interpreter.exec(backends.program(entry, sys.path, index + 1, extensions))
    for interpreter in created:
        interpreter.close()


if __name__ == "__main__":
    main()
