"""`subsrv bench`: the four-way study on a user's own application."""

import argparse
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from subsrv import settings
from subsrv.bench import judge, machine, page, passed, requests, text, wrk
from subsrv.bench.load import Check
from subsrv.bench.measure import Traffic
from subsrv.bench.options import Parser, count, counts, names, seconds, whole
from subsrv.bench.requests import Request
from subsrv.bench.study import Outcome, Plan, Study
from subsrv.config import MODES
from subsrv.errors import ConfigError

_INTERRUPTED = 130
_FAILED = 1

# The server's own options that are passed on, as they are.
_PASSED = ("app_dir", "factory", "interface", "threads", "start_method")

_EPILOG = """\
Each mode that loads APP is launched anew in every round, in a shuffled order, one
configuration twice: what equals differ by counts as no difference (A/A control).
Measured are requests/s in closed loop (by wrk where it is installed, else by the
built-in client), the CPU time of all the server's processes for each request, p50
and p99 at a fixed rate, timed from when each request was due, memory (PSS) for each
worker, and the time from launch to ready. A failed request fails its configuration.

A FILE of requests has one a line, sent in turn:
  GET /path
  {"method": "POST", "path": "/cart", "headers": {"Content-Type": "text/plain"},
   "body": "x", "status": 303}      (on one line; status: else any 2xx is right)

Exit status:
  0, 1 if no mode or not every configuration could be measured, 2 for a bad option,
  130 after Ctrl-C, which gives what there is so far.

Examples:
  subsrv bench shop:app
  subsrv bench shop:app --path /cart --modes interp,process --workers 1,2
  subsrv bench shop.wsgi:create_app --factory --threads 8 --html report.html
"""


def main(argv: Sequence[str]) -> int:
    """Run the study; the exit status. ConfigError for a bad option."""
    options = _options(argv)
    plan = _plan(options)
    about = {
        "app": plan.app,
        "options": " ".join(plan.options),
        "seed": plan.seed,
        "rounds": plan.rounds,
        "duration_s": plan.traffic.duration,
        "connections": plan.traffic.connections,
        "closed_loop_client": wrk.version() if plan.traffic.use_wrk else "built-in",
        "open_loop_client": "built-in",
        "server_cpus": list(plan.cpus.server),
        "client_cpus": list(plan.cpus.client),
        **machine.describe(),
    }
    study = Study(plan, _say)
    study.run()
    outcome = study.outcome
    advice = judge.recommend(outcome, shared_cpus=plan.cpus.shared)
    about["open_loop_rate"] = outcome.rate
    if options.json != "-":
        print(_report(plan, outcome, advice))
    _write(options, about, outcome, advice)
    if outcome.interrupted:
        return _INTERRUPTED
    return _FAILED if outcome.failures or not outcome.runs else 0


def _say(what: str) -> None:
    print(f"subsrv: bench: {what}", file=sys.stderr, flush=True)


def _report(plan: Plan, outcome: Outcome, advice: str) -> str:
    lines = []
    if outcome.setups:
        lines += [text.table(outcome), ""]
    lines += text.notes(outcome)
    if outcome.rate is not None:
        client = "wrk" if plan.traffic.use_wrk else "the built-in client (wrk: none, or not able)"
        total = round(outcome.rate * plan.traffic.duration)
        lines.append(
            f"requests/s: closed loop by {client}, {plan.traffic.connections} connections. p50 and "
            f"p99: {total:,} requests a round due at {outcome.rate:,.0f}/s."
        )
    if outcome.check is not plan.traffic.check:
        lines.append("Answers to one request differ in length, so only their status was checked.")
    where = "share CPUs" if plan.cpus.shared else "have CPUs of their own:"
    server, client = (",".join(map(str, c)) for c in (plan.cpus.server, plan.cpus.client))
    lines.append(
        f"Server and client {where} {server}{'' if plan.cpus.shared else f' and {client}'}."
    )
    return "\n".join([*lines, "", advice])


def _write(
    options: argparse.Namespace, about: dict[str, Any], outcome: Outcome, advice: str
) -> None:
    if options.json:
        record = {"about": about, **outcome.record(), "recommendation": advice}
        document = json.dumps(record, indent=1)
        if options.json == "-":
            print(document)
        else:
            _save(options.json, document + "\n")
    if options.html:
        _save(options.html, page.page(outcome, about, advice))


def _save(path: str, document: str) -> None:
    try:
        Path(path).write_text(document, "utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="subsrv bench",
        usage="subsrv bench APP [options]",
        description="Measure your own application in each mode that loads it.",
        epilog=_EPILOG,
    )
    passed.add(parser, "Passed on to the server", _PASSED)
    add = parser.add_argument
    add("--path", metavar="/PATH", help="what to request (default: /)")
    add("--requests", metavar="FILE", help="requests to send in turn, see below")
    add("--modes", type=names(MODES), default=MODES, help=f"(default: {','.join(MODES)})")
    cpus = len(os.sched_getaffinity(0))
    # As few as show whether a second one helps; the machine may have many CPUs.
    add("--workers", type=counts, default=tuple({1, min(cpus, 2)}), metavar="N,N",
        help="numbers of workers (default: 1,2, or 1 on one CPU)")  # fmt: skip
    add("--rounds", type=count, default=5, metavar="N", help="launches of each (default: 5)")
    add("--duration", type=seconds, default=2.0, metavar="SECONDS",
        help="of each load, of which every launch has two (default: 2)")  # fmt: skip
    add("--rate", type=seconds, help="requests a second for p50 and p99 "
        "(default: half of what the slowest mode can do)")  # fmt: skip
    add("--connections", type=count, default=64, metavar="N", help="(default: 64)")
    add("--seed", type=whole, help="of the order (default: any; it is recorded)")
    add("--json", metavar="FILE", help="write everything there; - is standard output")
    add("--html", metavar="FILE", help="write one page with plots there")
    return parser.parse_args(argv)


def _plan(options: argparse.Namespace) -> Plan:
    if options.path and options.requests:
        raise ConfigError("--path and --requests exclude each other")
    for path in (options.json, options.html):
        # Told before the study, which takes minutes.
        if path and path != "-" and not Path(path).resolve().parent.is_dir():
            raise ConfigError(f"{path} cannot be written: its folder does not exist")
    listed = _requests(options)
    # wrk counts 4xx and 5xx as faults, whatever was wanted.
    use_wrk = wrk.installed() and all((each.status or 200) < 400 for each in listed)
    cpus = machine.part(os.sched_getaffinity(0), max(options.workers))
    return Plan(
        app=options.app,
        options=_passed(options),
        modes=options.modes,
        workers=options.workers,
        rounds=options.rounds,
        seed=random.randrange(1 << 32) if options.seed is None else options.seed,
        cpus=cpus,
        traffic=Traffic(
            requests=listed,
            check=Check.LENGTH,
            connections=options.connections,
            duration=options.duration,
            rate=options.rate,
            use_wrk=use_wrk,
            cpus=cpus.client,
        ),
    )


def _requests(options: argparse.Namespace) -> Sequence[Request]:
    if options.requests:
        return requests.read_file(options.requests)
    return (Request(path=options.path or "/"),)


def _passed(options: argparse.Namespace) -> tuple[str, ...]:
    words: list[str] = []
    given = passed.given(options, _PASSED)
    # By the server's rules and from all its sources, before anything is launched.
    settings.from_sources({"APP": options.app, **given}, os.environ, Path())
    for flag, value in given.items():
        if value is True:
            words.append(flag)
        else:
            words += (flag, value)
    return tuple(words)
