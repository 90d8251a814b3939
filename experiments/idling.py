"""The page of what idle connections cost, made from the newest raw data of `experiments.idle`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.harness.pages import targets_table
from experiments.harness.publish import Page
from experiments.harness.study import Target
from experiments.harness.table import Table

# The default beside a main interpreter that supervises; and one worker in that, as peers have it.
_OURS = ("subsrv-asgi", "subsrv-asgi-thread")
# What is compared with peers, in numbers that a table shows as they are.
_MEMORY: Mapping[str, Callable[[Mapping[str, Any]], float]] = {
    "idle server, MB USS": lambda each: float(each["alone"]["uss"]) / 1e6,
    "idle server, MB PSS": lambda each: float(each["alone"]["pss"]) / 1e6,
    "each idle connection, bytes USS": lambda each: float(each["bytes_per_connection"]["uss"]),
}

_QUESTION = (
    "What do idle keep-alive connections cost: memory of the process, CPU while nothing happens, "
    "and a busy client's requests beside them? One worker, an ASGI hello; each connection has had "
    "one answer. The kernel's own memory for a socket is not in these figures."
)


def _body(raw: Mapping[str, Any]) -> Sequence[str]:
    rows = [
        (
            *(run["mode"], run["python"], f"{run['connections']:,}"),
            *(str(run["bytes_per_connection"][kind]) for kind in ("uss", "pss")),
            f"{run['crowded']['idle_cpu_share']:.2%}",
            *(_both(run, name, 1) for name in ("cpu_us_per_request", "latency_us_p50")),
            _both(run, "latency_us_p99", 0),
        )
        for run in raw["runs"]
    ]
    heading = (
        *("mode", "CPython", "connections", "bytes each, USS", "bytes each, PSS"),
        *("CPU while idle", "CPU µs/request, alone / crowded", "p50 µs, alone / crowded"),
        "p99 µs, alone / crowded",
    )
    about = raw["about"]
    peers = raw.get("peers", ())
    beside = [_beside_peers(peers), "## Targets", _targets(peers)] if peers else []
    return [
        Table(heading, rows, labels=2).markdown(),
        "One launch of each mode and peer: a look, without intervals. Client and server share CPUs "
        f"{about['cpus_server']} of one machine ({about['cpu_model_name']}).",
        *beside,
    ]


def _beside_peers(peers: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (each["peer"], "failed: " + each["failed"].partition("\n")[0], "", "", "", "", "")
        if "failed" in each
        else (
            *(each["peer"], each["version"], f"{each['connections']:,}"),
            *(f"{each['alone'][kind] / 1e6:.1f}" for kind in ("uss", "pss")),
            *(f"{each['bytes_per_connection'][kind]:,}" for kind in ("uss", "pss")),
        )
        for each in sorted(
            peers, key=lambda each: each.get("bytes_per_connection", {}).get("uss", float("inf"))
        )
    ]
    heading = (
        *("peer", "version", "connections", "idle server, MB USS", "MB PSS"),
        *("bytes each, USS", "bytes each, PSS"),
    )
    return "Beside peers, all processes of each:\n\n" + Table(heading, rows, labels=2).markdown()


def _targets(peers: Sequence[Mapping[str, Any]]) -> str:
    """Whether an idle server and an idle connection of ours take less than each peer's."""
    found = {each["peer"]: each for each in peers}
    others = [each for each in peers if each["peer"] not in _OURS]
    rows = [
        _target(f"{ours}, {name}", of, found.get(ours, {}), others)
        for ours in _OURS
        for name, of in _MEMORY.items()
    ]
    return targets_table(rows).markdown()


def _target(
    name: str,
    of: Callable[[Mapping[str, Any]], float],
    ours: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
) -> Target:
    """Ours beside the least of the others; those that failed are named."""
    failed = [each["peer"] for each in others if "failed" in each]
    measured = {each["peer"]: of(each) for each in others if "failed" not in each}
    least = min(measured, key=lambda peer: measured[peer], default="")
    lacking = f"; {', '.join(failed)} failed" if failed else ""
    said = f"{name}: below every Python peer, of which {least or 'none'} has the least{lacking}"
    if not least:
        return Target(said, None, 0.0, absent="peers failed")
    if not ours:
        return Target(said, None, measured[least])
    if "failed" in ours:
        return Target(said, None, measured[least], absent="MISSED: subsrv failed")
    return Target(said, of(ours), measured[least], digits=1)


def _both(run: Mapping[str, Any], name: str, digits: int) -> str:
    return f"{run['alone'][name]:,.{digits}f} / {run['crowded'][name]:,.{digits}f}"


def _answer(raw: Mapping[str, Any]) -> str:
    runs = raw["runs"]
    each = ", ".join(f"{run['mode']} {run['bytes_per_connection']['uss']:,}" for run in runs)
    said = f"Bytes of private memory for each of {runs[0]['connections']:,} connections: {each}."
    peers = raw.get("peers", ())
    beside = [
        f"{peer['peer']} {'failed' if 'failed' in peer else _per_connection(peer)}"
        for peer in peers
    ]
    counts = [f"{peer['connections']:,}" for peer in peers if "failed" not in peer]
    if not counts:
        return said
    return f"{said} Beside peers, for each of {counts[0]}: {', '.join(beside)}."


def _per_connection(peer: Mapping[str, Any]) -> str:
    return f"{peer['bytes_per_connection']['uss']:,}"


_PAGE = Page(
    name="idle",
    title="Ten thousand connections that do nothing",
    question=_QUESTION,
    command="python -m experiments.idle --publish",
    answer=_answer,
    body=_body,
)
made, section = _PAGE.made, _PAGE.section
