"""What does a request cost the server, and how far is that from the least possible?

One worker, 256 connections; a responder in C that parses nothing is the floor. Once with wrk's
own head, the same for each request, and once with browser-like heads, all different.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from experiments.harness import floor
from experiments.harness.contest import Contest, ratios, values
from experiments.harness.measure import SATURATED
from experiments.harness.paths import VARIED
from experiments.harness.section import Options, Target, cells, median
from experiments.harness.server import subsrv
from experiments.harness.table import Table
from experiments.harness.wrk import Load

FLOOR = "floor"
_REPEATED, _VARIED = "repeated", "varied"
_LIMITS = {"native": 1.5, "asgi": 2.0, "wsgi": 2.0}
_VARIED_LIMIT = 1.6

_HEADING = (
    *("server", "traffic", "CPU µs/request", "range", "x floor", "range", "x repeated"),
    *("requests/s", "server CPU", "client CPU"),
)

# For the floor where no other server lends it a response.
_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"


def run(options: Options) -> dict[str, Any]:
    """Measure; returns the raw values."""
    mode = options.modes[0]
    interfaces = [name for name in options.interfaces if name != FLOOR]

    def command(interface: str) -> tuple[str, ...]:
        python = options.interpreters.for_mode(mode)
        return subsrv(python.path, f"subsrv.hello:{interface}", mode=mode, workers=1)

    def repeated(_: int) -> Load:
        return Load(duration=options.duration)

    def varied(number: int) -> Load:
        # Other requests in each round: a cache of the last round's heads shall not help.
        seed = str(options.seed % 1000 * 100 + number + 1)
        return Load(duration=options.duration, script=VARIED, arguments=(seed,))

    floor_note = None
    with tempfile.TemporaryDirectory() as folder, Contest() as contest:
        for interface in interfaces:
            contest.add(interface, partial(command, interface))
        try:
            executable = floor.build(Path(folder))
        except floor.FloorError as error:
            floor_note = str(error)
        else:
            response = next(iter(contest.responses.values()), _RESPONSE)
            contest.add(FLOOR, partial(floor.command, executable, response))
        contest.run(
            {_REPEATED: repeated, _VARIED: varied},
            rounds=options.rounds,
            seed=options.seed,
            title="overhead",
        )
    return {
        "mode": mode,
        "interpreters": options.interpreters.facts([mode]),
        "servers": [FLOOR, *interfaces],
        "floor_note": floor_note,
        **contest.record(),
    }


def tables(raw: dict[str, Any]) -> list[Table | str]:
    """The raw values as tables and remarks."""
    rows: list[tuple[str, ...]] = []
    saturated = []
    for server in raw["servers"]:
        if server in raw["failures"]:
            rows.append((server, "failed", *("",) * (len(_HEADING) - 2)))
            continue
        for traffic in (_REPEATED, _VARIED):
            costs = values(raw, server, traffic)
            if not costs:
                continue
            to_floor = ratios(costs, values(raw, FLOOR, traffic))
            to_repeated = ratios(costs, values(raw, server, _REPEATED))
            client = median(values(raw, server, traffic, "client_share")) or 0.0
            if client > SATURATED:
                saturated.append(f"{server} {traffic}")
            rows.append(
                (
                    server,
                    traffic,
                    *cells(costs, 2),
                    *cells(to_floor, 2),
                    cells(to_repeated, 2)[0],
                    cells(values(raw, server, traffic, "requests_per_second"), 0)[0],
                    f"{median(values(raw, server, traffic, 'server_share')) or 0:.0%}",
                    f"{client:.0%}",
                )
            )
    found: list[Table | str] = [Table(_HEADING, rows, labels=2)]
    if raw["floor_note"]:
        found.append(raw["floor_note"])
    if saturated:
        found.append(
            f"The client was saturated ({SATURATED:.0%} of a CPU) with: {', '.join(saturated)}."
        )
    return found


def targets(raw: dict[str, Any]) -> list[Target]:
    """The project's limits, for the interfaces measured."""
    found = []
    for server in raw["servers"]:
        if server == FLOOR:
            continue
        repeated = values(raw, server, _REPEATED)
        to_floor = median(ratios(repeated, values(raw, FLOOR, _REPEATED)))
        to_repeated = median(ratios(values(raw, server, _VARIED), repeated))
        found.append(Target(f"{server}, x floor", to_floor, _LIMITS[server]))
        found.append(Target(f"{server}, varied x repeated", to_repeated, _VARIED_LIMIT))
    return found
