"""What can be done about an extension module that does not load. The facts are in one table."""

import re
from dataclasses import dataclass

from subsrv.check.failures import ALONE, Failure, Trouble

_REFUSED = (Failure.CPYTHON, Failure.SINGLE_PHASE, Failure.MODULE, Failure.SECOND, Failure.CRASH)


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What helps with one distribution in interp mode.

    Attributes:
      distribution: its normalised name.
      do: the advice, a sentence without its full stop.
      tried: the versions and the day on which it was seen to work, on CPython 3.14.10.
    """

    distribution: str
    do: str
    tried: str


REMEDIES = (
    Remedy(
        distribution="sqlalchemy",
        do="install SQLAlchemy without its compiled modules: "
        "DISABLE_SQLALCHEMY_CEXT=1 pip install --no-binary sqlalchemy sqlalchemy "
        "(2.0 goes on without them by itself)",
        tried="2.1.9 and 2.0.58, 2026-11-25",
    ),
    Remedy(
        distribution="charset-normalizer",
        do="install its pure Python form: "
        "pip install --no-binary charset-normalizer charset-normalizer",
        tried="3.5.3, 2026-11-25",
    ),
    Remedy(
        distribution="httptools",
        do="leave it out: subsrv parses HTTP by itself",
        tried="0.9.0, 2026-11-25",
    ),
    Remedy(
        distribution="uvloop",
        do="leave it out: subsrv has an event loop of its own",
        tried="0.23.0, 2026-11-25",
    ),
    Remedy(
        distribution="orjson",
        do="use json of the standard library",
        tried="3.13.0, 2026-11-25",
    ),
    Remedy(
        distribution="ujson",
        do="use json of the standard library, or simplejson, which goes on without its own",
        tried="6.1.0 and simplejson 4.3.0, 2026-11-25",
    ),
)


def advise(trouble: Trouble, mode: str) -> tuple[str, ...]:
    """What can be done about it, most promising first."""
    if trouble.module is None or not (trouble.fatal or trouble.phase == ALONE):
        return ()
    found: list[str] = []
    if mode == "interp" and trouble.failure in _REFUSED:
        name = re.sub(r"[-_.]+", "-", trouble.distribution or "").lower()
        found += (remedy.do for remedy in REMEDIES if remedy.distribution == name)
        found.append(
            "if few requests need it: import it in a function that you call in another process, by "
            "concurrent.futures.ProcessPoolExecutor"
        )
    elif trouble.failure is Failure.GIL:
        found.append(
            "look for a newer version that declares it (Py_mod_gil); PYTHON_GIL=0 keeps the GIL "
            "off in any case, at your own risk"
        )
    return tuple(found)
