"""An application under trial, and what its tests have in common."""

import sys
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path

from subsrv.check.failures import Interpreter
from subsrv.check.study import Study
from subsrv.config import Config

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# Longer than any trial takes on a busy machine; only what hangs meets it.
PATIENCE = 30.0

type Build = Callable[[str, str, Path], None]
type Shop = Callable[..., Path]


@cache
def interpreter() -> Interpreter:
    """What the Python that runs the tests is: the same for each of them."""
    return Study(Config(app="shop:app"), sys.executable).interpreter


def study(folder: Path, *, probe: str | None = None, timeout: float = PATIENCE) -> Study:
    """shop:app in a folder, tried with the Python that runs the tests."""
    config = Config(app="shop:app", app_dir=str(folder))
    made = Study(config, sys.executable, probe=probe, timeout=timeout)
    made.__dict__["interpreter"] = interpreter()  # as its cached_property would
    return made
