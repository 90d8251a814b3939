"""`subsrv check`: its options, and what it prints."""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from subsrv import envfile, settings
from subsrv.bench import passed
from subsrv.bench.options import Parser, names, seconds
from subsrv.check.failures import State, Verdict
from subsrv.check.record import record, works
from subsrv.check.study import Study
from subsrv.check.text import report
from subsrv.config import MODES
from subsrv.errors import ConfigError

_FAILED = 1
# What the server has too, and what changes how an application loads.
_PASSED = ("app_dir", "env_file", "factory", "interface", "threads", "start_method")

_EPILOG = """\
APP is served as the server would serve it, in processes that may crash or hang: for
interp mode in two interpreters, one after the other and then both at the same time;
for nogil and thread mode in two threads. Its lifespan runs, each is asked for --probe,
then they are stopped. After a failure in interp or nogil mode every other extension
module that APP imports is tried on its own.

What is wrong is told with the extension module, the package it comes from, who imports
it, and what can be done. CHECK.md in the project says more, and what --json holds.

Exit status:
  0 if APP works in every mode that could be tried, 1 if not, 2 for a bad option.

Examples:
  subsrv check shop:app
  subsrv check shop:app --mode interp --probe /cart
  subsrv check shop:app --mode nogil --python .venv-3.14t/bin/python --json
"""


def main(argv: Sequence[str]) -> int:
    """Try the application; the exit status. ConfigError for a bad option."""
    options = _options(argv)
    if options.probe is not None and not options.probe.startswith("/"):
        raise ConfigError(f"--probe must be a path, not {options.probe!r}")
    given = passed.given(options, _PASSED)
    # From the server's other sources, too.
    flags = {"APP": options.app, **given}
    config = settings.from_sources(flags, os.environ, Path())
    # An application may change the working directory, and trials have no other idea of it.
    folder = os.path.abspath(config.app_dir)
    if not os.path.isdir(folder):
        raise ConfigError(f"--app-dir must be a folder that exists, not {config.app_dir!r}")
    if config.env_file is not None:  # as the server does; trials inherit it
        os.environ.update(envfile.read(config.env_file, os.environ) | os.environ)
    verdicts: list[Verdict] = []
    for python in options.python or [sys.executable]:
        study = Study(
            dataclasses.replace(config, app_dir=folder),
            python,
            probe=options.probe,
            timeout=options.timeout,
            say=_say,
        )
        verdicts += (study.judge(mode) for mode in options.mode or MODES)
    for mode in options.mode or ():
        _require_a_try(mode, verdicts)
    if options.json:
        print(json.dumps(record(options.app, verdicts, probe=options.probe), indent=1))
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(report(options.app, verdicts, colour=colour))
    return 0 if works(verdicts) else _FAILED


def _require_a_try(mode: str, verdicts: Sequence[Verdict]) -> None:
    """A mode that was asked for by name must not pass because nothing could try it."""
    mine = [verdict for verdict in verdicts if verdict.mode == mode]
    if all(verdict.state is State.NOT_TRIED for verdict in mine):
        raise ConfigError(f"--mode {mode} cannot be tried: {mine[0].why}")


def _say(what: str) -> None:
    # A trial may take seconds, and a pipe's reader wants only the result.
    if sys.stderr.isatty():
        print(f"subsrv: check: {what}", file=sys.stderr, flush=True)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="subsrv check",
        usage="subsrv check APP [options]",
        description="Find out whether your application runs on isolates, and what is in the way.",
        epilog=_EPILOG,
    )
    passed.add(parser, "As for the server", _PASSED)
    add = parser.add_argument
    add("--mode", type=names(MODES), metavar="MODES",
        help=f"(default: {','.join(MODES)})")  # fmt: skip
    add("--python", action="append", metavar="PATH",
        help="try it with this Python, which has APP's packages (default: this one; "
        "repeatable)")  # fmt: skip
    add("--probe", metavar="/PATH", help="request this of each isolate, too")
    add("--timeout", type=seconds, default=60.0, metavar="SECONDS",
        help="for each trial, after which it counts as hung (default: 60)")  # fmt: skip
    add("--json", action="store_true", help="print everything as JSON")
    return parser.parse_args(argv)
