"""What a study launches: servers under labels, each with its load."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from experiments.harness.interpreters import FREE_THREADED, GIL, Interpreters
from experiments.harness.load import Load
from experiments.harness.metrics import Metric
from experiments.harness.server import Command, Server, subsrv
from experiments.harness.verify import HELLO, verify

#: The second label of the configuration that is launched under two.
TWIN = " (A/A)"

Facts = Mapping[str, str | int | float]


def says_hello(server: Server) -> int:
    """Check that the server says hello in full, kept alive and pipelined; returns the bytes."""
    return len(verify(server, HELLO))


def answers(body: bytes, path: str = "/") -> Callable[[Server], int]:
    """A check for another body."""
    return lambda server: len(verify(server, body, path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How a launch is measured: seconds of warm-up, then `values` times some seconds."""

    warm_up: int
    values: int
    seconds: int

    @property
    def expected(self) -> float:
        """Seconds that a launch takes about: with start, checks and stop."""
        return self.warm_up + self.values * (self.seconds + 0.3) + 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One server and one load.

    Attributes:
      label: its name in the study, and the first part of its benchmarks' names.
      command: makes the server's command when it is launched; what it raises is a failure that is
        recorded: InterpreterError, FloorError, or another LaunchError.
      load: what is put on it.
      facts: what tells it from the others; they go into the metadata and into tables.
      workers: how many the server has, where that is known.
      stateful: whether the application answers POST /state (experiments/apps/state.py).
      path: of the first request, whose answer ends the time to ready.
      check: looks at the answers before and after the load; returns the bytes of one response, or
        None where they differ. Raises WrongAnswerError.
      observe: what else there is to measure, asked for after each value; called once after the
        warm-up too, to begin afresh.
      seconds: of a value, where it is to be another number than the study's.
    """

    label: str
    command: Callable[[Interpreters], Command]
    load: Load
    facts: Facts = field(default_factory=dict)
    workers: int = 1
    stateful: bool = False
    path: str = "/"
    check: Callable[[Server], int | None] = says_hello
    observe: Callable[[Server], Mapping[Metric, float]] | None = None
    seconds: int | None = None

    def timing(self, times: Timing) -> Timing:
        """How it is measured in a run with this timing; a trial stays short."""
        if self.seconds is None or times.seconds == 1:
            return times
        return replace(times, seconds=self.seconds)

    def twin(self) -> "Configuration":
        """The same under another label: what differs between the two is noise."""
        return replace(self, label=self.label + TWIN)


def serving(
    label: str,
    app: str,
    load: Load,
    *,
    mode: str,
    workers: int = 1,
    leg: str = "",
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    stateful: bool = True,
    check: Callable[[Server], int | None] = says_hello,
    observe: Callable[[Server], Mapping[Metric, float]] | None = None,
    facts: Facts | None = None,
    seconds: int | None = None,
) -> Configuration:
    """A configuration of subsrv itself.

    Args:
      leg: of the interpreter; by default a build with a GIL, or for nogil one without.
    """
    leg = leg or (FREE_THREADED if mode == "nogil" else GIL)

    def command(interpreters: Interpreters) -> Command:
        python = interpreters.get(leg, env)
        return Command(
            words=subsrv(python.path, app, mode=mode, workers=workers, options=options),
            env=env or {},
            facts=python.metadata,
        )

    methods = {"start_method": _option(options, "--start-method") or "spawn"}
    return Configuration(
        label=label,
        command=command,
        load=load,
        facts={
            "mode": mode,
            "workers": workers,
            **(methods if mode == "process" else {}),
            **(facts or {}),
        },
        workers=workers,
        stateful=stateful,
        check=check,
        observe=observe,
        seconds=seconds,
    )


def _option(options: Sequence[str], name: str) -> str | None:
    """The value that follows an option."""
    return options[options.index(name) + 1] if name in options else None
