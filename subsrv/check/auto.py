"""`--mode auto`: the best mode that works for an application, on the Python that runs."""

import sys

from subsrv.check.failures import State, Verdict
from subsrv.check.study import PREFERENCE, Study
from subsrv.config import Config

# The one that works where nothing else does, so it is not tried: what is wrong with the application
# then, the server tells as ever.
_LAST = "process"


def choose(config: Config) -> tuple[str, str]:
    """The mode, and why it is that one."""
    study = Study(config, sys.executable)
    reasons: list[str] = []
    for mode in PREFERENCE[: PREFERENCE.index(_LAST)]:
        verdict = study.judge(mode)
        if verdict.state is State.WORKS:
            return mode, "; ".join(["the application works there", *reasons])
        reasons.append(f"{mode} does not work: {_reason(verdict)}")
    return _LAST, "; ".join(reasons)


def _reason(verdict: Verdict) -> str:
    if verdict.state is State.NOT_TRIED:
        return verdict.why.partition(";")[0]  # what options of check would help
    first = verdict.fatal[0]
    return f"{first.module}: {first.failure.words}" if first.module else first.said
