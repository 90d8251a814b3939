"""Importing an application anew where it has been imported before, as in a process of threads.

What is imported anew is the application's own code: the package that APP names, and whatever was
imported from the folder of --app-dir, but for what is installed there. Libraries stay as they are,
and so does what the application has left in them, such as a registered metric.
"""

import contextlib
import importlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subsrv.config import Config

# Ours: the server that runs is not the application's to replace.
_OURS = ("subsrv", "__main__")


@contextlib.contextmanager
def refreshing(config: "Config") -> Iterator[None]:
    """Within, importing the application runs its code as it is now.

    Whoever holds the modules of before keeps them; should the block raise, everybody else gets
    them again, too.
    """
    importlib.invalidate_caches()  # a file may be newer than what is known of its folder
    before = _own(config)
    for name in before:
        del sys.modules[name]
    try:
        yield
    except BaseException:
        for name in _own(config):
            del sys.modules[name]
        sys.modules.update(before)
        raise


def _own(config: "Config") -> dict[str, ModuleType]:
    """The modules that are the application's own code."""
    package = (config.app or "").partition(":")[0].partition(".")[0]
    folder = os.path.join(os.path.abspath(config.app_dir), "")
    installed = tuple(
        os.path.join(sysconfig.get_path(name), "")
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
    )

    def is_own(name: str, module: ModuleType) -> bool:
        top = name.partition(".")[0]
        if top in _OURS:
            return False
        return top == package or any(
            # Wherever environments are, and in whatever this one was made from.
            place.startswith(folder) and not place.startswith(installed) and _loose(place)
            for place in _places(module)
        )

    return {name: module for name, module in [*sys.modules.items()] if is_own(name, module)}


def _places(module: ModuleType) -> list[str]:
    """Its file; of a package without one, its folders."""
    file = getattr(module, "__file__", None)
    if file is not None:
        return [os.path.abspath(file)]
    return [os.path.join(os.path.abspath(place), "") for place in getattr(module, "__path__", ())]


def _loose(place: str) -> bool:
    return not {"site-packages", "dist-packages"}.intersection(place.split(os.sep))
