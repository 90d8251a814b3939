"""What the events of one trial say: what loaded, and what went wrong."""

import dataclasses
import signal
from collections.abc import Collection, Iterable
from typing import Any

from subsrv.check.failures import Failure, Trouble
from subsrv.check.process import Outcome

_CPYTHON = "does not support loading in subinterpreters"


class Evidence:
    """One trial's events, read once.

    Attributes:
      extensions: every extension module that began to load: its file, by name.
      chains: who imported each of them first.
      single_phase: those of the old kind.
      failed: those that failed by themselves.
      trying: the one that was being tried on its own when the trial ended too early, or "".
      troubles: what went wrong.
    """

    def __init__(
        self,
        outcome: Outcome,
        *,
        nogil: bool = False,
        single_phase: Collection[str] = (),
        broken: Collection[str] = (),
    ) -> None:
        self.extensions: dict[str, str] = {}
        self.chains: dict[str, tuple[str, ...]] = {}
        self.single_phase = set(single_phase)
        self.failed: set[str] = set()
        self.trying = ""
        self._broken = broken
        self._output = outcome.output
        self._nogil = nogil
        self._phase = "start"
        self._open: dict[tuple[int, str], None] = {}
        self._loaded: set[tuple[int, str]] = set()
        self._words: list[str] = []
        self._mishaps: list[Trouble] = []
        self._refused: list[Trouble] = []
        self._faults: dict[str, Trouble] = {}
        for event in outcome.events:
            self._take(event)
        self._end(outcome)
        self.troubles = self._judge()

    def _take(self, event: dict[str, Any]) -> None:
        module = event.get("module", "")
        key = (event.get("isolate", 1), module)
        match event["event"]:
            case "phase":
                self._phase = event["name"]
            case "loading":
                self._open[key] = None
                self.extensions.setdefault(module, event["file"])
                self.chains.setdefault(module, tuple(event["chain"]))
            case "created":
                if event["single_phase"]:
                    self.single_phase.add(module)
                if event["gil"] and self._nogil:
                    said = "the global interpreter lock has been enabled to load it"
                    self._refused.append(self._trouble(Failure.GIL, said, key))
            case "loaded":
                self._open.pop(key, None)
                self._loaded.add(key)
            case "trying":
                self.trying = module
            case "tried":
                self.trying = ""
                self._open.pop(key, None)
            case "failed" if module:
                self._open.pop(key, None)
                # A module may be tried again, and then fails differently; the first time counts.
                if event["because"] is None and key not in self._loaded:
                    self._refuse(key, event["error"])
            case "failed":
                self._fault(event)
            case "answer" if event["status"] >= 500 or not event["status"]:
                status = event["status"]
                said = f"it was answered with status {status}" if status else "it got no answer"
                # The server's log has the application's traceback.
                self._mishaps.append(
                    self._trouble(Failure.REQUEST, said, (key[0], ""), self._output)
                )
            case "gil" if event["on"] and self._nogil and not self._refused:
                said = "the GIL is on, and no extension module has turned it on"
                self._mishaps.append(self._trouble(Failure.GIL, said, (1, "")))
                self._nogil = False

    def _refuse(self, key: tuple[int, str], error: str) -> None:
        isolate, module = key
        self.failed.add(module)
        elsewhere = any(name == module and other != isolate for other, name in self._loaded)
        if module in self._broken:
            failure = Failure.BROKEN
        elif elsewhere:
            failure = Failure.SECOND
        elif _CPYTHON not in error:
            failure = Failure.MODULE
        elif module in self.single_phase:
            failure = Failure.SINGLE_PHASE
        else:
            failure = Failure.CPYTHON
        self._refused.append(self._trouble(failure, error, key))

    def _fault(self, event: dict[str, Any]) -> None:
        message, detail = event["message"], event["detail"]
        self._words.append(f"{message}\n{detail or ''}")
        failure = Failure.CLOSE if self._phase == "close" else Failure.APPLICATION
        trouble = self._trouble(failure, message, (event["isolate"], ""), detail)
        # Isolates fail alike; where only the second does, the trouble says so.
        self._faults.setdefault(message, trouble)

    def _end(self, outcome: Outcome) -> None:
        if outcome.over:
            return
        if outcome.timed_out:
            failure, said = Failure.HANG, "nothing more came of it within the time"
        elif outcome.status < 0:
            failure, said = Failure.CRASH, f"killed by {signal_name(-outcome.status)}"
        else:
            failure, said = Failure.CRASH, f"ended the process with status {outcome.status}"
        key = next(reversed(self._open), (1, ""))
        # Once it has served, and while nothing is being loaded, only the end is wrong.
        if self._phase in ("close", "exit") and not key[1]:
            failure = Failure.CLOSE
        self._mishaps.append(self._trouble(failure, said, key, outcome.output))

    def _trouble(
        self, failure: Failure, said: str, key: tuple[int, str], detail: str | None = None
    ) -> Trouble:
        isolate, module = key
        return Trouble(
            failure=failure,
            said=said,
            module=module or None,
            file=self.extensions.get(module),
            chain=self.chains.get(module, ()),
            phase=self._phase,
            isolate=isolate,
            detail=detail or None,
        )

    def _judge(self) -> tuple[Trouble, ...]:
        """All troubles, each once; an extension module's comes before what it causes."""
        found: dict[tuple[Failure, str | None], Trouble] = {}
        guilty = False
        failed_requests = any(each.failure is Failure.REQUEST for each in self._mishaps)
        for each in self._refused:
            fatal = (
                each.failure is Failure.GIL
                or self._named(each)
                or (each.phase == "request" and failed_requests)
            )
            guilty |= fatal
            found.setdefault((each.failure, each.module), dataclasses.replace(each, fatal=fatal))
        caused = [*self._faults.values()] if not guilty else []
        for each in (*caused, *self._mishaps):
            if each.failure is Failure.REQUEST and guilty:
                continue
            found.setdefault((each.failure, each.module), each)
        return tuple(found.values())

    def _named(self, trouble: Trouble) -> bool:
        """Whether what ended a worker speaks of this module."""
        _, _, text = trouble.said.partition(": ")
        signs = (repr(trouble.module), text or trouble.said)
        return any(sign in words for words in self._words for sign in signs)


def signal_name(number: int) -> str:
    """SIGSEGV for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def third_party(extensions: dict[str, str], stdlib: Iterable[str]) -> list[tuple[str, str]]:
    """Those that have a file and are not Python's own: (name, file)."""
    own = set(stdlib)
    return [
        (name, file)
        for name, file in extensions.items()
        if name.partition(".")[0] not in own and file not in (None, "built-in")
    ]
