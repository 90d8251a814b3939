"""What can be done about an extension module that does not load. The facts are in two tables."""

from collections.abc import Iterator
from dataclasses import dataclass

from subsrv.check.failures import ALONE, Failure, Trouble
from subsrv.check.known import normalised, seen

_REFUSED = (Failure.CPYTHON, Failure.SINGLE_PHASE, Failure.MODULE, Failure.SECOND, Failure.CRASH)
_ELSEWHERE = (
    "if few requests need it: import it in a function, and call that in a process of its own by "
    'subsrv.isolate.Pool(kind="process")'
)
_NO_GIL = "at your own risk, PYTHON_GIL=0 keeps the GIL off in any case"


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
        distribution="protobuf",
        do="set PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python in the environment",
        tried="7.36.2, 2026-11-25",
    ),
    Remedy(
        distribution="charset-normalizer",
        do="install its pure Python form: "
        "pip install --no-binary charset-normalizer charset-normalizer",
        tried="3.5.3, 2026-11-25",
    ),
    Remedy(
        distribution="psycopg2",
        do="use psycopg (version 3), which goes on without its compiled part",
        tried="psycopg 3.3.9, 2026-11-25",
    ),
    Remedy(
        distribution="psycopg2-binary",
        do="use psycopg (version 3), which goes on without its compiled part",
        tried="psycopg 3.3.9, 2026-11-25",
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
    Remedy(
        distribution="zstandard",
        do="use compression.zstd of the standard library, from 3.14 on",
        tried="0.25.0, 2026-11-25",
    ),
    Remedy(
        distribution="lxml",
        do="use xml.etree.ElementTree of the standard library",
        tried="6.1.3, 2026-11-25",
    ),
)


def advise(trouble: Trouble, mode: str) -> tuple[str, ...]:
    """What can be done about it, most promising first."""
    return tuple(_advice(trouble, mode)) if _concerns(trouble, mode) else ()


def _advice(trouble: Trouble, mode: str) -> Iterator[str]:
    name = normalised(trouble.distribution or "")
    better = [each for each in seen(name, mode) if each.works and each.version != trouble.version]
    if better:
        best = better[-1]
        yield (
            f"install {name} {best.version}: it was seen to work "
            f"on CPython {best.python} ({best.date})"
        )
    if mode == "interp":
        yield from (remedy.do for remedy in REMEDIES if remedy.distribution == name)
        yield _ELSEWHERE
    else:
        yield _NO_GIL


def upgrades(trouble: Trouble, mode: str) -> str | None:
    """That no newer version helps, if that is known."""
    sightings = seen(trouble.distribution or "", mode)
    if not sightings or not _concerns(trouble, mode) or any(each.works for each in sightings):
        return None
    last = sightings[-1]
    newest = f"{last.version}, its newest version on {last.date},"
    if last.version == trouble.version:
        return f"this was its newest version on {last.date}"
    return f"{newest} fails as well (on CPython {last.python})"


def _concerns(trouble: Trouble, mode: str) -> bool:
    failures = _REFUSED if mode == "interp" else (Failure.GIL,)
    counts = trouble.fatal or trouble.phase == ALONE
    return trouble.module is not None and counts and trouble.failure in failures
