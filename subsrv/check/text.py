"""The report as people read it."""

from collections.abc import Iterator, Sequence

from subsrv.check.explain import shortened
from subsrv.check.failures import ALONE, Failure, State, Trouble, Verdict
from subsrv.check.study import recommended

_COLOURS = {State.WORKS: "32", State.FAILS: "31", State.NOT_TRIED: "33"}
_WORDS = {State.WORKS: "works", State.FAILS: "does not work", State.NOT_TRIED: "not tried"}
_WHERE = {
    "request": "at the request of --probe",
    "close": "when it stops",
    "exit": "at the end of the process",
}
# Of these, what was said is what is said here already.
_PLAIN = (Failure.CPYTHON, Failure.SINGLE_PHASE, Failure.GIL)


def report(app: str, verdicts: Sequence[Verdict], *, colour: bool) -> str:
    """Every mode and what is wrong with it, then what to do."""
    lines: list[str] = []
    for interpreter in dict.fromkeys(verdict.interpreter for verdict in verdicts):
        lines += [f"{app} on {interpreter}", ""]
        for verdict in verdicts:
            if verdict.interpreter == interpreter:
                lines += _verdict(verdict, colour=colour)
        lines.append("")
    return "\n".join([*lines, *_advice(verdicts)])


def _verdict(verdict: Verdict, *, colour: bool) -> Iterator[str]:
    words = _WORDS[verdict.state]
    if colour:
        words = f"\x1b[{_COLOURS[verdict.state]}m{words}\x1b[0m"
    why = f": {verdict.why}" if verdict.why else ""
    yield f"  {verdict.mode:<8} {words}{why}"
    said: set[str] = set()
    yield from _troubles(verdict.fatal, said)
    alone = [each for each in verdict.troubles if not each.fatal and each.phase == ALONE]
    if alone:
        yield "    It may do without these, which fail as well, each tried on its own:"
    yield from _troubles(alone, said)
    optional = [each for each in verdict.troubles if not each.fatal and each.phase != ALONE]
    if optional and any(each.failure is Failure.APPLICATION for each in verdict.fatal):
        yield "    These did not load before that, and may be the cause:"
        yield from _troubles(optional, said)
    elif optional:
        yield f"    It goes on without {', '.join(map(name, optional))}."


def _troubles(troubles: Sequence[Trouble], said: set[str]) -> Iterator[str]:
    """One for each package that fails in one way: its other modules would say the same."""
    groups: dict[object, list[Trouble]] = {}
    for trouble in troubles:
        whose = trouble.distribution or trouble.module
        groups.setdefault((whose, trouble.failure, trouble.phase), []).append(trouble)
    for first, *others in groups.values():
        yield from _trouble(first, said, len(others))


def _trouble(trouble: Trouble, said: set[str], more: int) -> Iterator[str]:
    places = [
        "when two load at the same time" if trouble.together else "",
        "in the second isolate" if trouble.isolate > 1 and not trouble.together else "",
        _WHERE.get(trouble.phase, ""),
    ]
    where = ", ".join(filter(None, places))
    head = f"{name(trouble)}: {trouble.failure.words}" if trouble.module else trouble.failure.words
    yield f"    - {head}{f' ({where})' if where else ''}"
    if more:
        yield f"      and so do {more} more of its modules, which --json names"
    if trouble.chain:
        yield f"      imported by {' > '.join(shortened(trouble.chain))}"
    if trouble.failure not in _PLAIN:
        yield f"      said: {trouble.said.splitlines()[0] if trouble.said else '(nothing)'}"
    known = [f"known: {trouble.known}"] if trouble.known else []
    # The same for each of ten modules helps nobody.
    for advice in (*known, *(f"try: {each}" for each in trouble.advice)):
        if advice not in said:
            said.add(advice)
            yield f"      {advice}"


def name(trouble: Trouble) -> str:
    """The module, and what installed it."""
    if trouble.distribution is None:
        return trouble.module or "?"
    return f"{trouble.module} ({trouble.distribution} {trouble.version})"


def _advice(verdicts: Sequence[Verdict]) -> Iterator[str]:
    best = recommended(verdicts)
    if best is None:
        yield "It works in none of the modes that were tried."
        for verdict in verdicts:
            for trouble in verdict.fatal:
                if trouble.detail:
                    yield from ("", *trouble.detail.rstrip().splitlines()[-30:])
                    return
    elif len({verdict.interpreter for verdict in verdicts}) > 1:
        yield f"Serve it with --mode {best.mode} on {best.interpreter}."
    else:
        yield f"Serve it with --mode {best.mode}."
