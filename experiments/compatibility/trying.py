"""Tries one package on one interpreter, in an environment that is thrown away afterwards."""

import datetime
import json
import tempfile
from pathlib import Path
from typing import Any

from experiments.harness.paths import REPOSITORY, scrub
from subsrv.check.record import verdict_record
from subsrv.check.study import Study
from subsrv.config import Config
from tools.pythons import uv
from tools.pythons.command import answer, run
from tools.pythons.errors import UnavailableError
from tools.pythons.interpreter import Interpreter

_INSTALL_TIMEOUT = 300.0  # seconds; the largest wheel has some tens of megabytes
_FACTS_TIMEOUT = 60.0
_TRIAL_TIMEOUT = 60.0
_FACTS = """
import json, platform, sys, sysconfig
from importlib import metadata
print(json.dumps({
    "site": sysconfig.get_path("purelib"),
    "version": metadata.version(sys.argv[1]),
    "python": platform.python_version(),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
}))
"""


def attempt(package: str, modules: tuple[str, ...], interpreter: Interpreter) -> dict[str, Any]:
    """All that is found out about it: its version and the verdicts, or why there are none."""
    found: dict[str, Any] = {
        "package": package,
        "modules": list(modules),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    with tempfile.TemporaryDirectory(prefix="compatibility-") as name:
        folder = Path(name)
        log = folder / "log"
        python = folder / "environment" / "bin" / "python"
        try:
            _uv(log, "venv", "--no-project", "--python", interpreter.path, python.parents[1])
            # Wheels alone: what a person gets within seconds, and no code that runs at build.
            _uv(log, "pip", "install", "--python", python, "--only-binary", ":all:", package)
            distribution = package.partition("[")[0]
            said = answer([python, "-c", _FACTS, distribution], log=log, timeout=_FACTS_TIMEOUT)
            facts = json.loads(said)
        except UnavailableError as error:
            return {**found, "unavailable": _reason(str(error), name)}
        Path(facts.pop("site"), "checkout.pth").write_text(f"{REPOSITORY}\n")
        lines = [*(f"import {module}" for module in modules), "def app(request): ..."]
        (folder / "subject.py").write_text("\n".join(lines) + "\n")
        config = Config(app="subject:app", app_dir=name)
        study = Study(config, str(python), probe=None, timeout=_TRIAL_TIMEOUT)
        mode = "nogil" if facts["free_threaded"] else "interp"
        verdicts = {each: verdict_record(study.judge(each)) for each in (mode, "thread")}
    return {**found, **facts, "verdicts": {mode: _tidy(v, name) for mode, v in verdicts.items()}}


def _tidy(verdict: dict[str, Any], folder: str) -> dict[str, Any]:
    """Without the folders of this machine, stacks, which only they would fill, and advice."""
    del verdict["interpreter"]
    for trouble in verdict["troubles"]:
        for key in ("detail", "file", "advice", "known", "explanation"):
            del trouble[key]
        trouble["said"] = scrub(trouble["said"].replace(folder, ""))[:300]
    return verdict


def _reason(text: str, folder: str) -> str:
    # Of uv's words the last hint says which wheels there are; before it stands how it got there.
    return scrub(text.replace(folder, "").rpartition("hint: ")[2]).strip()[:600]


def _uv(log: Path, *words: str | Path) -> None:
    run([uv.executable(), *words], log=log, timeout=_INSTALL_TIMEOUT, cwd=REPOSITORY)
