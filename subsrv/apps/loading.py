"""From "module:attribute" to an application and the interface it speaks."""

import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from subsrv.errors import AppLoadError
from subsrv.mending import mend_import_errors

if TYPE_CHECKING:
    from subsrv.config import Config

# What CPython, and extension modules that check for themselves, say in a subinterpreter.
_REFUSED = re.compile(
    r"module (?P<module>[\w.]+) does not support loading in subinterpreters"
    r"|cannot load module more than once per process"
    r"|(?i:subinterpreters? (?:are|is) not supported)"
    r"|(?i:do(?:es)? not (?:yet )?support sub-?interpreters)"
)

# sys.exit("no settings") is a way to fail, too; and no signal raises KeyboardInterrupt here.
_FAILURES = (Exception, SystemExit, KeyboardInterrupt)

_BY_PARAMETERS = {3: "asgi", 2: "wsgi", 1: "native"}


class Loaded(NamedTuple):
    """An application and its interface: "asgi", "wsgi" or "native"."""

    app: Callable[..., Any]
    interface: str


def load(config: "Config") -> Loaded:
    """Import the configured application in this isolate. AppLoadError says what went wrong."""
    if config.app is None:
        interface = "native" if config.interface == "auto" else config.interface
        return Loaded(getattr(importlib.import_module("subsrv.hello"), interface), interface)
    folder = os.path.abspath(config.app_dir)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    app = _find(config.app)
    if config.factory:
        try:
            app = app()
        except _FAILURES as error:
            what = f"the factory {config.app!r} failed"
            raise _failed(what, error, config.app) from error
    if not callable(app):
        raise AppLoadError(f"{config.app!r} is {app!r}, which cannot be called")
    interface = config.interface if config.interface != "auto" else _interface(app, config.app)
    return Loaded(app, interface)


def _find(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise AppLoadError(f"cannot load app {name!r}: no module {error.name!r}") from error
        raise _failed(f"cannot load app {name!r}", error, name) from error
    except _FAILURES as error:
        raise _failed(f"cannot load app {name!r}", error, name) from error
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            # Imported only to explain: workers that start well never need it.
            import difflib

            near = difflib.get_close_matches(part, dir(found), n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise AppLoadError(
                f"cannot load app {name!r}: {module_name!r} has no attribute {attribute!r}{hint}"
            ) from None
    return found


def refused(what: str, error: BaseException, app: str | None = None) -> AppLoadError | None:
    """What to say if an extension module refused to load in a subinterpreter; else None."""
    refusal = _refusal(error)
    return _in_interp(what, refusal, _importers(error), app) if refusal else None


def startup_failed(message: str) -> AppLoadError:
    """For what an application says of its failure; of most frameworks that is a traceback."""
    what = "the application's startup failed"
    if (match := _REFUSED.search(message)) and match["module"]:
        return _in_interp(what, match["module"])
    *more, last = message.strip().splitlines() or [""]
    return AppLoadError(f"{what}: {last}", detail=message if more else None)


def _in_interp(
    what: str, module: str, importers: Sequence[str] = (), app: str | None = None
) -> AppLoadError:
    # Imported here: workers that start well need nothing of it.
    from subsrv.check.explain import explain

    return AppLoadError(
        f"{what} in interp mode: the extension module {module!r} does not load in an interpreter "
        "of its own; --mode process and --mode thread would work",
        detail=explain(module, importers, mode="interp", app=app),
    )


def _refusal(error: BaseException) -> str | None:
    """The extension module that refused to load in a subinterpreter, if that is what happened."""
    for seen in _chain(error):
        if isinstance(seen, ImportError) and (match := _REFUSED.search(str(seen))):
            return match["module"] or seen.name or _importing(seen)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _importing(error: BaseException) -> str:
    """The module whose import statement raised `error`, as its traceback tells."""
    return next((name for name in reversed(_modules(error)) if not _is_loader(name)), "?")


def _importers(error: BaseException) -> list[str]:
    """The modules that led to `error` and to what caused it, from the application's on."""
    names = (name for each in _chain(error) for name in _modules(each) if not _is_loader(name))
    return list(dict.fromkeys(names))


def _modules(error: BaseException) -> list[str]:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [frame.f_globals.get("__name__", "?") for frame in frames]


def _interface(app: Callable[..., Any], name: str) -> str:
    try:
        parameters = [*inspect.signature(app).parameters.values()]
    except (TypeError, ValueError):
        parameters = []
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    interface = _BY_PARAMETERS.get(len(positional))
    if interface is None:
        raise AppLoadError(
            f"cannot tell the interface of {name!r} from its parameters; say --interface "
            "asgi, wsgi or native (and --factory, if it makes the application)"
        )
    return interface


def _failed(what: str, error: BaseException, name: str) -> AppLoadError:
    if said := refused(what, error, name):
        return said
    mend_import_errors(error)
    return AppLoadError(f"{what}: {_line(error)}", detail=_trace(error))


def _line(error: BaseException) -> str:
    """The error in one line: without a syntax error's code before it, or notes and more after."""
    parts = traceback.format_exception_only(error)
    return next(part for part in parts if not part.startswith(" ")).splitlines()[0]


def _trace(error: BaseException) -> str:
    """The traceback from the application's first frame on; ours, and importlib's, do not help."""
    trace = error.__traceback__
    while trace is not None and _is_loader(trace.tb_frame.f_globals.get("__name__", "")):
        trace = trace.tb_next
    return "".join(traceback.format_exception(error.with_traceback(trace)))


def _is_loader(module: str) -> bool:
    # subsrv.check stands between the two when it watches.
    return module.startswith(("importlib", "subsrv.apps", "subsrv.check"))
