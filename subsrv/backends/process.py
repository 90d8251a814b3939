"""Workers as processes: spawned (a fresh Python, as an operator would start it) or forked."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn, Protocol

from subsrv.backends import Lifeline, program, resolve
from subsrv.spec import Spec

if TYPE_CHECKING:
    from subsrv.config import Config

# What a terminal, a service manager or pkill sends to the whole group. The supervisor acts on it,
# so a worker must not. It gets a handler that does nothing, as ignoring would pass to what an
# application starts.
_COORDINATED = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP),
    *(signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR1, signal.SIGUSR2),
)

# The program comes through a pipe: argv would show it to everybody, and the environment would
# pass it on to every process that an application starts.
_READ_PROGRAM = """
import sys
with open(int(sys.argv[1]), encoding="utf-8") as file: program = file.read()
exec(program)
"""


class _Child(Protocol):
    """What subprocess.Popen and _Forked have in common."""

    def poll(self) -> int | None: ...
    def kill(self) -> None: ...


class ProcessHandle:
    """A worker that is a child process."""

    def __init__(self, child: _Child) -> None:
        self._child = child

    def ended(self) -> bool:
        """See WorkerHandle."""
        return self._child.poll() is not None

    def join(self) -> None:
        """Nothing is left to do: the poll that saw the end has reaped the child."""

    def kill(self) -> bool:
        """SIGKILL."""
        self._child.kill()
        return True

    def why(self) -> str | None:
        """The signal that killed it, or its exit status; None while it runs."""
        status = self._child.poll()
        if status is None:
            return None
        return f"exit status {status}" if status >= 0 else f"killed by {_name(-status)}"


class SpawnBackend:
    """Each worker is a new Python process, with this one's flags and import path."""

    def __init__(self, entry: str) -> None:
        self._entry = entry

    def prepare(self, config: "Config") -> None:
        """Nothing can be known before a child tries."""

    def refresh(self, config: "Config") -> None:
        """Nothing: each process imports the application for itself."""

    def start(self, spec: Spec, *, disown: Callable[[], None]) -> ProcessHandle:
        """See Backend. Python closes all descriptors but the passed ones by itself."""
        text = program(f"{__name__}:run", sys.path, self._entry, spec.dumps())
        with _closing(*spec.channels):
            fds = (*spec.copied, *spec.channels)
            with _signals_held():
                child = launch(text, f"subsrv-worker-{spec.worker}", fds)
        return ProcessHandle(child)


class ForkBackend:
    """Each worker is a fork of the supervisor, which has no threads."""

    def __init__(self, entry: str) -> None:
        self._entry = entry

    def prepare(self, config: "Config") -> None:
        """Nothing: loading the application before the fork would share its state."""

    def refresh(self, config: "Config") -> None:
        """Nothing: each process imports the application for itself."""

    def start(self, spec: Spec, *, disown: Callable[[], None]) -> ProcessHandle:
        """See Backend."""
        with _closing(*spec.channels), _signals_held():
            pid = os.fork()
            if pid == 0:
                _run_forked(self._entry, spec, disown)
        return ProcessHandle(_Forked(pid))


def launch(text: str, name: str, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start a Python like this one, with these descriptors, that runs `text`. OSError."""
    # The flags by which multiprocessing and the test suite of CPython start a Python like this
    # one: -X, -W, -O and so on.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    reader, writer = os.pipe()
    # A child that has died already is found out by its end, not by its broken pipe.
    with contextlib.suppress(BrokenPipeError), open(writer, "w", encoding="utf-8") as pipe:
        command = [sys.executable, *flags, "-c", _READ_PROGRAM, str(reader), name]
        with _closing(reader):
            child = subprocess.Popen(command, pass_fds=(*fds, reader))
        pipe.write(text)
    return child


class _Forked:
    """A forked child, with as much of Popen's behaviour as a handle needs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal, or None while it runs."""
        if self._returncode is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._returncode = os.waitstatus_to_exitcode(status)
        return self._returncode

    def kill(self) -> None:
        """SIGKILL, unless its pid is free for others already."""
        if self.poll() is None:
            os.kill(self._pid, signal.SIGKILL)


def run(entry: str, text: str) -> NoReturn:
    """The whole life of a worker process: the worker, then exit status 0, or 1 if it died."""
    status = 1
    try:
        spec = Spec.loads(text)
        _settle(spec)
        lifeline = Lifeline(spec.control)
        try:
            resolve(entry)(text)
            status = 0
        except BaseException as failure:  # SystemExit too: this is where it would be handled
            lifeline.died(failure)
        lifeline.cut()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            # None without a console; a pipe nobody reads any more is not worth a traceback.
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.flush()
    except BaseException:
        traceback.print_exc()  # nobody above will
    finally:
        # Not sys.exit: in a fork that would return into the supervisor's code, and in both it
        # would wait for threads that an application left running.
        os._exit(status)


def _settle(spec: Spec) -> None:
    """Make this process a worker's: what it inherited from the supervisor ends here."""
    signal.set_wakeup_fd(-1)  # in a fork, the supervisor's
    for number in _COORDINATED:
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _COORDINATED)
    # Spawning made them inheritable. What an application starts must not hold them: it would
    # keep the listening socket alive.
    for fd in (*spec.copied, *spec.channels):
        os.set_inheritable(fd, False)


def _run_forked(entry: str, spec: Spec, disown: Callable[[], None]) -> NoReturn:
    try:
        disown()
        atexit._clear()  # they are the parent's to run; multiprocessing does the same
        run(entry, spec.dumps())
    finally:
        os._exit(1)


@contextlib.contextmanager
def _closing(*fds: int) -> Iterator[None]:
    try:
        yield
    finally:
        for fd in fds:
            os.close(fd)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Keep signals from a child until it has its handlers; the mask survives fork and exec."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _COORDINATED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time signal
