"""A worker's life, the same in every kind of isolate: `run_worker(spec)`."""

import asyncio
import gc
import logging
import math
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from subsrv import gil, logs, sockets
from subsrv.apps import load
from subsrv.apps.tasks import Tasks
from subsrv.control import Channel
from subsrv.errors import ConfigError, SubsrvError
from subsrv.loop import Loop
from subsrv.mending import mend_import_errors, mend_threading
from subsrv.reactor import Reactor
from subsrv.rescue import Rescue
from subsrv.server import App, Server
from subsrv.shared import UNBOUNDED
from subsrv.spec import Spec

if TYPE_CHECKING:
    from subsrv.access import AccessLog
    from subsrv.certificates import Certificates
    from subsrv.config import Config
    from subsrv.fair import Fairness

type Tick = Callable[[float], None]

# Seconds for the reader of an access log to take its last lines, though the time to stop is over.
_LAST_LINES = 1.0

_log = logging.getLogger("subsrv")


class _Here(threading.local):
    """Which worker this thread runs: its name and its mode."""

    worker: tuple[str, str] | None = None


#: Where subsrv.isolate looks, if the application uses it.
here = _Here()


def run_worker(spec: str) -> None:
    """Serve until told to stop, then drain. `spec` is a `Spec` as text.

    A failure to start is reported over the control channel, and this returns. An exception while
    serving (an application's SystemExit, say) ends the worker and is raised.
    """
    worker = Spec.loads(spec)
    here.worker = f"worker-{worker.worker}", worker.config.mode
    if sys.version_info < (3, 14):
        mend_threading()
    if worker.config.reload:
        sys.dont_write_bytecode = True  # see reloading.py
    with ExitStack() as stack:
        # The worker's own to close, whatever happens to it.
        if worker.rescue >= 0:
            stack.enter_context(Rescue(Channel.adopt(worker.rescue)))
        channel = stack.enter_context(Channel.adopt(worker.control))
        listeners = [stack.enter_context(sockets.adopt(fd)) for fd in worker.listeners]
        reactor = Reactor(worker.config.reactor, tick=_tick(worker.config))
        fair = None
        if worker.handover:
            # Only now: most workers do without.
            from subsrv.fair import Fairness

            fair = stack.enter_context(Fairness(worker.handover, worker.worker, reactor))
        runner = stack.enter_context(asyncio.Runner(loop_factory=partial(Loop, reactor)))
        life = _Worker(worker, channel, listeners, reactor, fair)
        with gil.listening(life.gil_is_on):
            try:
                runner.run(life.run())
            except BaseException as error:
                mend_import_errors(error)  # whoever ends this isolate tells it
                raise


class _Worker:
    def __init__(
        self,
        spec: Spec,
        channel: Channel,
        listeners: Sequence[socket.socket],
        reactor: Reactor,
        fair: "Fairness | None",
    ) -> None:
        self._config = spec.config
        self._index = spec.worker
        self._channel = channel
        self._listeners = listeners
        self._reactor = reactor
        self._fair = fair
        self._held = spec.held
        self._loop: asyncio.AbstractEventLoop
        self._server: Server | None = None
        self._certificates: Certificates | None = None
        self._access: AccessLog | None = None
        self._accept: asyncio.Future[None]
        # Done with the seconds that idle connections have, and whether another has its place.
        self._stop: asyncio.Future[tuple[float, bool]]
        self._deadline = math.inf  # of the drain, by the loop's clock

    def gil_is_on(self, module: str) -> None:
        """An extension module has turned it on, in whatever thread imported it."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(partial(self._tell, "gil", module=module))

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self._live()
        finally:
            self._close_log(0)  # of a worker that did not start

    async def _live(self) -> None:
        config = self._config
        loop = asyncio.get_running_loop()
        self._accept, self._stop = loop.create_future(), loop.create_future()
        loop.add_reader(self._channel.fileno(), self._on_control)
        tasks = Tasks(loop)
        try:
            logs.configure(config.log_level, config.log_config)
            self._access = access = _open_access_log(config, self._index, loop)
            self._certificates = certificates = _certificates(config)
            app = _make_app(config, tasks)
            await app.startup()
        except SubsrvError as error:
            self._tell("failed", status=error.status, message=str(error), detail=error.detail)
            return
        except Exception as error:
            mend_import_errors(error)
            self._tell("failed", status=4, message=f"{error!r}", detail=traceback.format_exc())
            return
        self._server = server = Server(
            config,
            app,
            self._reactor,
            fair=self._fair,
            access=access,
            certificates=certificates,
        )
        if config.max_requests:
            self._reactor.on_tick = self._counting(server, self._reactor.on_tick)
        # What start-up made stays: collections need not look at it again, and after a fork it
        # stays shared (https://docs.python.org/3/library/gc.html#gc.freeze).
        gc.collect()
        gc.freeze()
        if not self._held:
            server.start(self._listeners)
        try:
            self._tell("ready", **_who_am_i())
            if self._held:
                either: list[asyncio.Future[Any]] = [self._accept, self._stop]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if self._accept.done():
                    server.start(self._listeners)
            parting, succeeded = await self._stop
            server.stop(parting, succeeded=succeeded)
            self._tell("draining")
            await server.drained(self._deadline)
        finally:
            # Where the worker dies (an application raised SystemExit, say), its clients must see
            # an end, although the process may live on.
            server.close()
            self._close_log(self._deadline - loop.time() if self._stop.done() else 0.0)
        await tasks.drain(self._deadline)
        await app.shutdown()
        stats = server.stats()
        _log.debug("drained: %s", " ".join(f"{k}={v}" for k, v in stats.items() if v))
        self._tell("gone", **stats, **server.histograms())
        loop.remove_reader(self._channel.fileno())

    def _counting(self, server: Server, tick: Tick | None) -> Tick:
        """The coarse clock, which also sees when enough requests have been served: once a second,
        so that no request has to.
        """
        most = self._config.max_requests + _jitter(self._config.max_requests_jitter)
        told = False

        def count(now: float) -> None:
            nonlocal told
            if tick is not None:
                tick(now)
            if not told and (count := server.stats()["requests"]) >= most:
                told = True
                self._tell("spent", reason=f"it has served {count} requests")

        return count

    def _close_log(self, timeout: float) -> None:
        access, self._access = self._access, None
        if access is not None:
            access.close(max(timeout, _LAST_LINES))

    def _on_control(self) -> None:
        """Messages from the supervisor. Its end is a reason to stop, too."""
        try:
            messages = self._channel.receive()
        except EOFError:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._stop_within(self._config.graceful_timeout)
            return
        for message in messages:
            match message.type:
                case "accept" if not self._accept.done():
                    self._accept.set_result(None)
                case "ping":
                    self._tell("pong", gil=_gil())
                case "stop":
                    self._stop_within(**message.fields)
                case "reopen" if self._access is not None:
                    self._access.reopen()
                case "certificates" if self._certificates is not None:
                    self.reload_certificates(self._certificates)
                case "stats" if self._server is not None:
                    self._tell("stats", **self._server.stats(), **self._server.histograms())
                case "stacks":
                    from subsrv.stacks import describe  # once somebody asks

                    alone = self._config.mode == "process"
                    self._tell("stacks", text=describe(threads=alone))

    def reload_certificates(self, certificates: "Certificates") -> None:
        """Shake hands with the certificates as their files are now, or else with what there is."""
        try:
            certificates.reload()
        except ConfigError as error:
            _log.error("the certificates stay as they were: %s", error)

    def _stop_within(
        self, timeout: float, parting: float = 0.0, *, succeeded: bool = False
    ) -> None:
        # One deadline for all that a drain waits for.
        deadline = asyncio.get_running_loop().time() + timeout
        self._deadline = min(self._deadline, deadline)
        if not self._stop.done():
            self._stop.set_result((parting, succeeded))
        elif self._server is not None and not self._stop.cancelled():  # a worker that dies does so
            self._server.hurry(self._deadline, succeeded=self._stop.result()[1])

    def _tell(self, type_: str, **fields: object) -> None:
        with suppress(OSError):  # the supervisor is gone: nobody to tell
            self._channel.send(type_, **fields)


def _open_access_log(
    config: "Config", worker: int, loop: asyncio.AbstractEventLoop
) -> "AccessLog | None":
    if not config.access_log:
        return None
    from subsrv.access import AccessLog

    return AccessLog(config.access_log_format, config.access_log_file, worker=worker, loop=loop)


def _certificates(config: "Config") -> "Certificates | None":
    if config.ssl_certfile is None:
        return None
    from subsrv.certificates import Certificates

    return Certificates(config)


def _make_app(config: "Config", tasks: Tasks) -> App:
    loaded = load(config)
    scheme = "http" if config.ssl_certfile is None else "https"
    forwarded, root_path = bool(config.forwarded_allow_ips), config.root_path or ""
    body_memory = config.limit_body_memory or UNBOUNDED
    # Imported here: every isolate pays for what it imports, in memory and time to start.
    if loaded.interface == "asgi":
        from subsrv.apps.asgi import ASGIApp, WebSocketSettings

        websockets = WebSocketSettings(
            max_size=config.ws_max_size or UNBOUNDED,
            max_queue=config.ws_max_queue or UNBOUNDED,
            ping_interval=config.ws_ping_interval or math.inf,
            ping_timeout=config.ws_ping_timeout or math.inf,
            deflate=config.ws_per_message_deflate,
        )
        return ASGIApp(
            *(loaded.app, tasks, websockets),
            scheme=scheme,
            forwarded=forwarded,
            root_path=root_path,
        )
    if loaded.interface == "wsgi":
        several = (config.workers or os.process_cpu_count() or 1) > 1
        settings: dict[str, Any] = {
            "cache": config.header_cache,
            "scheme": scheme,
            "forwarded": forwarded,
            "root_path": root_path,
            "body_memory": body_memory,
            "multithread": several and config.mode in ("thread", "nogil"),
            "multiprocess": several and config.mode in ("interp", "process"),
        }
        if config.threads > 1:
            from subsrv.apps.wsgi_threads import ThreadedApp

            loop = asyncio.get_running_loop()
            return ThreadedApp(
                *(loaded.app, loop),
                threads=config.threads,
                queue_age=config.limit_queue_age,
                **settings,
            )
        from subsrv.apps.wsgi import WSGIApp

        return WSGIApp(loaded.app, **settings)
    from subsrv.apps.native import NativeApp

    return NativeApp(loaded.app, tasks, scheme=scheme, body_memory=body_memory)


def _jitter(most: int) -> int:
    """A random number of requests, 0 to `most`."""
    if not most:
        return 0
    # Imported here: every isolate pays for what it imports.
    import random

    return random.randint(0, most)


def _tick(config: "Config") -> float:
    """Seconds between coarse ticks: one, or less where a time-out is very short."""
    timeouts = (
        config.timeout_header,
        config.timeout_body,
        config.timeout_keep_alive,
        config.timeout_write,
        config.ws_ping_interval,
        config.ws_ping_timeout,
    )
    return min(1.0, *(t / 4 for t in timeouts if t), 1.0)


def _who_am_i() -> dict[str, object]:
    return {
        "interpreter": _interpreter_id(),
        "thread": threading.get_native_id(),
        "pid": os.getpid(),
        "gil": _gil(),
        "python": sys.version.split()[0],
    }


def _gil() -> bool:
    return sys._is_gil_enabled()


def _interpreter_id() -> int:
    try:
        import _interpreters
    except ImportError:
        return 0
    current = _interpreters.get_current()
    return int(current[0] if isinstance(current, tuple) else current)
