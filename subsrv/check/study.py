"""Decides what to try, and puts a verdict for each mode together."""

import dataclasses
import sys
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any

from subsrv.check import process, remedies
from subsrv.check.evidence import Evidence, third_party
from subsrv.check.failures import ALONE, Failure, Interpreter, State, Trouble, Verdict
from subsrv.check.process import Outcome
from subsrv.config import Config
from subsrv.errors import ConfigError

# Best first: parallel Python in one process without copies; the same with a copy of everything
# for each; the one that needs most memory; and the one without parallel Python.
PREFERENCE = ("nogil", "interp", "process", "thread")
# What only says that there is no such mode here.
_NO_NOGIL = "it needs a free-threaded Python; --python names one"


class Study:
    """An application, on one Python."""

    def __init__(
        self,
        config: Config,
        python: str,
        *,
        probe: str | None = None,
        timeout: float = 60.0,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`timeout`: seconds for each trial; `say` hears what is tried."""
        self._config = config
        self._python = python
        self._probe = probe
        self._timeout = timeout
        self._say = say

    @cached_property
    def interpreter(self) -> Interpreter:
        """What that Python is. ConfigError if it cannot be used."""
        try:
            outcome = self._run({"what": "about"})
        except OSError as error:
            raise ConfigError(f"{self._python} cannot be run: {error.strerror}") from None
        for event in outcome.events:
            if event["event"] == "about":
                facts = {name: value for name, value in event.items() if name != "event"}
                return Interpreter(path=self._python, **facts)
        last = outcome.output.strip().splitlines()[-1:] or ["it said nothing"]
        raise ConfigError(
            f"{self._python} cannot try it; install subsrv and the application's packages there "
            f"({last[0]})"
        )

    def judge(self, mode: str) -> Verdict:
        """Try one mode."""
        if reason := self._impossible(mode):
            return self._verdict(mode, State.NOT_TRIED, why=reason)
        troubles = self._troubles(mode)
        works = not any(trouble.fatal for trouble in troubles)
        state = State.WORKS if works else State.FAILS
        return self._verdict(mode, state, troubles=self._explained(troubles, mode))

    def _impossible(self, mode: str) -> str | None:
        if mode == "interp":
            return self.interpreter.interp
        if mode == "nogil" and not self.interpreter.free_threaded:
            return _NO_NOGIL
        return None

    def _verdict(self, mode: str, state: State, **more: Any) -> Verdict:
        return Verdict(mode=mode, interpreter=self.interpreter, state=state, **more)

    def _troubles(self, mode: str) -> Sequence[Trouble]:
        if mode == "thread":
            return self._baseline.troubles
        evidence = self._serve(mode)
        if mode == "process":
            return evidence.troubles
        if any(trouble.fatal for trouble in evidence.troubles):
            guilty = {trouble.module for trouble in evidence.troubles}
            return [*evidence.troubles, *self._alone(mode, guilty)]
        if mode == "interp":
            together = self._serve(mode, together=True).troubles
            return _merged(
                evidence.troubles, [dataclasses.replace(each, together=True) for each in together]
            )
        return evidence.troubles

    @cached_property
    def _baseline(self) -> Evidence:
        """As threads: what the application imports where nothing is special."""
        return self._serve("thread")

    def _serve(self, mode: str, *, together: bool = False) -> Evidence:
        same_time = ", both interpreters at the same time" if together else ""
        self._say(f"{self.interpreter}: {mode} mode{same_time}")
        # Workers that know of each other, as most servers have them.
        config = dataclasses.replace(self._config, mode=mode, workers=2, access_log=False)
        order = {
            "what": "serve",
            "config": config.dumps(),
            "together": together,
            "probe": self._probe,
        }
        return self._read(self._run(order), mode)

    def _read(self, outcome: Outcome, mode: str) -> Evidence:
        evidence = Evidence(outcome, nogil=mode == "nogil")
        if not evidence.troubles or mode not in ("interp", "nogil"):
            return evidence
        # Again, knowing what is so in any mode.
        return Evidence(
            outcome,
            nogil=mode == "nogil",
            single_phase=self._baseline.single_phase,
            broken=self._baseline.failed,
        )

    def _alone(self, mode: str, guilty: Collection[str | None]) -> Sequence[Trouble]:
        """What the application's other extension modules would do, each tried on its own."""
        chains = self._baseline.chains
        imported = third_party(self._baseline.extensions, sys.stdlib_module_names)
        ahead = [each for each in imported if each[0] not in guilty]
        found: list[Trouble] = []
        while ahead:
            self._say(f"{self.interpreter}: {mode} mode, {len(ahead)} extension modules alone")
            order = {"what": "extensions", "mode": mode, "path": self._config.app_dir}
            evidence = self._read(self._run({**order, "extensions": ahead}), mode)
            # Of what they import, too; that is another's, where the application does not.
            # A module that crashes has the earlier ones tried again.
            wanted = chains.keys() - guilty - {each.module for each in found}
            found += (each for each in evidence.troubles if each.module in wanted)
            ahead = _left(ahead, evidence)
        return [
            dataclasses.replace(
                each,
                phase=ALONE,
                chain=chains[each.module or ""],
                # It is certain that the application loads it, but not that it cannot do without.
                fatal=each.failure is Failure.GIL,
            )
            for each in found
        ]

    def _explained(self, troubles: Sequence[Trouble], mode: str) -> tuple[Trouble, ...]:
        wanted = [(each.module, each.file) for each in troubles if each.module]
        origins: dict[str, dict[str, Any]] = {}
        if wanted:
            order = {"what": "origins", "path": self._config.app_dir, "extensions": wanted}
            outcome = self._run(order)
            origins = {e["module"]: e for e in outcome.events if e["event"] == "origin"}
        explained = []
        for trouble in troubles:
            if not trouble.fatal and len(trouble.chain) == 1:
                continue  # one of Python's own, for itself: when it prints a traceback, say
            origin = origins.get(trouble.module or "", {})
            whose = dataclasses.replace(
                trouble,
                distribution=origin.get("distribution"),
                version=origin.get("version"),
                chain=self._own(trouble.chain),
            )
            advice, known = remedies.advise(whose, mode), remedies.upgrades(whose, mode)
            explained.append(dataclasses.replace(whose, advice=advice, known=known))
        return tuple(explained)

    def _own(self, chain: tuple[str, ...]) -> tuple[str, ...]:
        """From the application's module on: what called its functions is not in question."""
        app = (self._config.app or "").partition(":")[0].partition(".")[0]
        tops = [label.partition(".")[0] for label in chain]
        return chain[tops.index(app) :] if app in tops else chain

    def _run(self, order: dict[str, Any]) -> Outcome:
        return process.run(self._python, order, timeout=self._timeout)


def _merged(first: Sequence[Trouble], more: Sequence[Trouble]) -> list[Trouble]:
    """All of them; of what is said of one module, the first."""
    modules = {trouble.module for trouble in first if trouble.module}
    return [*first, *(each for each in more if each.module not in modules or not each.module)]


def _left(ahead: Sequence[tuple[str, str]], evidence: Evidence) -> list[tuple[str, str]]:
    """Those that a trial said nothing of, for it ended before them."""
    names = [name for name, _ in ahead]
    for trouble in evidence.troubles:
        if trouble.failure is Failure.GIL and trouble.module in names:
            # The earlier ones have shown that they did not turn it on.
            return [*ahead[names.index(trouble.module) + 1 :]]
    # The earlier ones, too: the end may have come before the second interpreter.
    return [each for each in ahead if each[0] != evidence.trying] if evidence.trying else []


def recommended(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The best of the modes that work."""
    working = [each for each in verdicts if each.state is State.WORKS]
    return min(working, key=lambda each: PREFERENCE.index(each.mode), default=None)
