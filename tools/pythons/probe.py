"""Facts about the interpreter that runs this file, as one JSON line.

Every candidate executes it before it is trusted: a name on PATH promises nothing, and builds
that lack ssl or sqlite3 are common.
"""

from __future__ import annotations

import json
import platform
import sys
import sysconfig

#: What the server, its tests or the installers of its environment cannot do without.
REQUIRED = ("ssl", "sqlite3", "ctypes", "zlib", "asyncio", "faulthandler")


def missing() -> list[str]:
    """Name each required module that does not import, and why."""
    names = list(REQUIRED)
    if sys.version_info >= (3, 14):
        names.append("concurrent.interpreters")
    elif sys.version_info >= (3, 13):
        names.append("_interpreters")
    problems = []
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            problems.append(f"{name} does not import ({error})")
    return problems


def main() -> None:
    """Print the facts."""
    facts = {
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
        "feature": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        # Inside a virtual environment this is the interpreter the environment was made from.
        "executable": getattr(sys, "_base_executable", sys.executable),
        "missing": missing(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
