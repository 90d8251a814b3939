"""Functions by name: `module:qualname` means the same in every isolate."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from subsrv.isolate.errors import NotSendableError

_ADVICE = (
    "write a function at the top of a module that can be imported, and pass what it needs as "
    "arguments"
)


def reference(function: Callable[..., Any] | str) -> str:
    """The reference of a function. NotSendableError, with what to do instead, if it has none."""
    if isinstance(function, str):
        if ":" not in function:
            raise NotSendableError(f"{function!r} is no reference: write it as module:qualname")
        return function
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        raise NotSendableError(f"{function!r} has no name in a module; {_ADVICE}")
    if name.endswith("<lambda>"):
        raise NotSendableError(f"a lambda ({module}) has no name to be found by; {_ADVICE}")
    if "<locals>" in name:
        raise NotSendableError(f"{module}.{name} is local to a function; {_ADVICE}")
    if module == "__main__":
        raise NotSendableError(
            f"{name} is in the script that was started, which an isolate does not run: move it to "
            "a module, and import it"
        )
    if _look_up(sys.modules.get(module), name) is not function:
        raise NotSendableError(
            f"{module}.{name} is not what that name means in its module (a bound method, or "
            f"decorated?); {_ADVICE}"
        )
    return f"{module}:{name}"


def resolve(text: str) -> Any:
    """The function of a reference. ImportError or AttributeError if there is none."""
    module, _, name = text.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _look_up(module: Any, name: str) -> Any:
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
