"""The page of what idle connections cost, made from the newest raw data of `experiments.idle`."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.harness.publish import Page
from experiments.harness.table import Table

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
    beside = [_beside_peers(raw["peers"])] if "peers" in raw else []
    return [
        Table(heading, rows, labels=2).markdown(),
        *beside,
        "One launch of each mode: a look, not a comparison. Client and server share CPUs "
        f"{about['cpus_server']} of one machine ({about['cpu_model_name']}).",
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


def _both(run: Mapping[str, Any], name: str, digits: int) -> str:
    return f"{run['alone'][name]:,.{digits}f} / {run['crowded'][name]:,.{digits}f}"


def _answer(raw: Mapping[str, Any]) -> str:
    runs = raw["runs"]
    each = ", ".join(f"{run['mode']} {run['bytes_per_connection']['uss']:,}" for run in runs)
    return f"Bytes of private memory for each of {runs[0]['connections']:,} connections: {each}."


_PAGE = Page(
    name="idle",
    title="Ten thousand connections that do nothing",
    question=_QUESTION,
    command="python -m experiments.idle --publish",
    answer=_answer,
    body=_body,
)
made, section = _PAGE.made, _PAGE.section
