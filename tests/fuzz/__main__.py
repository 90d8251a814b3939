"""Fuzz one or more targets for a bounded time, and record how many inputs were tried.

    python -m fuzz [--seconds 60] [--runs N] [--folder .fuzz] [TARGET ...]

Corpora are kept from run to run in the folder; so are inputs that break a promise, under
`findings`, and one JSON object for each run in `runs.jsonl`. Exit status 1 if anything was found.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import subsrv
from fuzz import words

TARGETS = ("parser", "connection")

# Longer inputs are slower, and reach nothing that these do not: the limits are small, too.
_MOST_BYTES = 320

# Seconds beyond its time after which a run is taken to hang; a busy machine may take long to start.
_GRACE = 600

_STATUS = re.compile(r"^#(\d+)\s.* cov: (\d+) ft: (\d+) corp: (\d+)/(\S+)", re.MULTILINE)
_UNITS = re.compile(r"^stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one target."""

    target: str
    when: str
    python: str
    atheris: str
    code: str
    """A digest of the sources under test."""
    executions: int
    seconds: float
    coverage: int
    """Edges of subsrv's bytecode that the inputs have reached."""
    features: int
    """The same with how often, in powers of two: libFuzzer's ft."""
    corpus_inputs: int
    corpus_bytes: int
    findings: int


def digest() -> str:
    """What tells one state of subsrv's sources from another."""
    folder = Path(subsrv.__file__).parent
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def fuzz(target: str, folder: Path, *, seconds: int, runs: int) -> tuple[Run, str]:
    """Run one target in a process of its own; also what that has said."""
    corpus, findings = folder / target, folder / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    for name, data in words.seeds(target):
        (corpus / name).write_bytes(data)
    (folder / "dictionary").write_text("\n".join(words.dictionary()) + "\n")
    command = [
        *(sys.executable, "-m", "fuzz.target", target, f"-dict={folder / 'dictionary'}"),
        *(f"-max_len={_MOST_BYTES}", f"-max_total_time={seconds}", f"-runs={runs or -1}"),
        *(f"-artifact_prefix={findings / target}-", "-print_final_stats=1", "-timeout=300"),
        "-report_slow_units=300",
        str(corpus),
    ]
    before = set(findings.iterdir())
    begin = time.monotonic()
    ended = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds + _GRACE if seconds else None,
        check=False,
    )
    took = time.monotonic() - begin
    found = len(set(findings.iterdir()) - before)
    states = _STATUS.findall(ended.stdout)
    units = _UNITS.search(ended.stdout)
    if not states or (ended.returncode and not found):
        raise SystemExit(f"fuzzing {target} did not work:\n{ended.stdout[-4000:]}")
    inputs = list(corpus.iterdir())
    run = Run(
        target=target,
        when=time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
        python=python_version(),
        atheris=version("atheris"),
        code=digest(),
        executions=int(units[1] if units else states[-1][0]),
        seconds=round(took, 1),
        coverage=int(states[-1][1]),
        features=int(states[-1][2]),
        corpus_inputs=len(inputs),
        corpus_bytes=sum(path.stat().st_size for path in inputs),
        findings=found,
    )
    with (folder / "runs.jsonl").open("a") as record:
        record.write(json.dumps(asdict(run)) + "\n")
    return run, ended.stdout


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description="Fuzz the parser and the connection with atheris."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{' or '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--runs", type=int, default=0, help="at most so many inputs for each")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="default: .fuzz")
    options = parser.parse_args()
    if not set(options.targets) <= set(TARGETS):
        parser.error(f"the targets are {' and '.join(TARGETS)}")
    failed = False
    for target in options.targets or TARGETS:
        run, said = fuzz(target, options.folder, seconds=options.seconds, runs=options.runs)
        print(
            f"{target}: {run.executions:,} inputs in {run.seconds:.0f} s, {run.coverage} edges, "
            f"corpus {run.corpus_inputs} inputs, {run.findings} findings",
            flush=True,
        )
        if run.findings:
            failed = True
            print(said[-6000:], flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
