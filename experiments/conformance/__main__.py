"""Send every case to every server, keep what each answered, and make the page of it.

    python -m experiments.conformance [--servers NAME,...] [--classes NAME,...] [--out FILE]

A case whose answer was not right is sent once more, with more patience, and the second answer is
the one that counts: a slow machine is no fault of the server's. A server that answers nobody any
more is started anew, and the case that stopped it is named.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from experiments import report
from experiments.conformance.ask import Asker
from experiments.conformance.case import Case
from experiments.conformance.cases import CLASSES
from experiments.conformance.judge import kind, right
from experiments.conformance.servers import NAMES, Servers, UnavailableServerError
from experiments.conformance.wire import Observed
from experiments.harness import cpus, environment, publish
from experiments.harness.interpreters import Interpreters
from experiments.harness.paths import RESULTS
from experiments.peers.peers import Peers

# What is kept of an answer: enough for a person to see what it was.
_KEPT = 120


def _record(case: Case, observed: Observed) -> dict[str, Any]:
    raw = observed.raw.decode("latin-1")
    return {
        "right": right(case, observed),
        "kind": str(kind(observed)),
        "closed": observed.closed,
        "raw": raw[:_KEPT] + ("…" if len(raw) > _KEPT else ""),
    }


def _described(cases: dict[str, Case]) -> list[dict[str, Any]]:
    return [
        {"name": name, "why": case.why, "data": case.data[:_KEPT].decode("latin-1")}
        for name, case in cases.items()
    ]


def _chosen(text: str | None, known: tuple[str, ...], parser: argparse.ArgumentParser) -> list[str]:
    names = text.split(",") if text else list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"not known: {', '.join(unknown)}; there are: {', '.join(known)}")
    return names


def main() -> int:
    """See the module; status 1 where subsrv answered any case wrongly or could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m experiments.conformance", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--servers", help=f"some of {','.join(NAMES)}")
    parser.add_argument("--classes", help=f"some of {','.join(CLASSES)}")
    parser.add_argument("--out", type=Path, help="instead of a new file in results/conformance")
    options = parser.parse_args()
    classes = _chosen(options.classes, tuple(CLASSES), parser)
    cases = {f"{each}: {case.name}": case for each in classes for case in CLASSES[each]}
    about = environment.describe(cpus.split())
    result: dict[str, Any] = {"about": about, "cases": _described(cases), "servers": {}}
    path = options.out or publish.new_file(RESULTS, "conformance", about)
    with Peers() as peers:
        servers = Servers(peers, Interpreters())
        for name in _chosen(options.servers, NAMES, parser):
            try:
                with Asker(partial(servers.start, name)) as asker:
                    observed = asker.ask(cases)
            except UnavailableServerError as error:
                found: dict[str, Any] = {"unavailable": str(error)}
                print(f"{name}: cannot be had: {error}")
            else:
                answers = {case: _record(cases[case], each) for case, each in observed.items()}
                running = asker.running
                found = {
                    "version": running.version,
                    "python": running.python,
                    "stopped_by": asker.stopped_by,
                    "answers": answers,
                }
                wrong = [case for case, answer in answers.items() if not answer["right"]]
                print(f"{name} {running.version}: {len(wrong)} of {len(cases)} wrong", flush=True)
                for case in wrong if name.startswith("subsrv") else ():
                    print(f"  {case}: {answers[case]['kind']} {answers[case]['raw'][:300]!r}")
            result["servers"][name] = found
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")
    if options.out is None:
        report.main([])
    ours = [found for name, found in result["servers"].items() if name.startswith("subsrv")]
    return int(any(not a["right"] for f in ours for a in f.get("answers", {}).values()))


if __name__ == "__main__":
    sys.exit(main())
