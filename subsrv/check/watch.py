"""Reports each extension module that an isolate loads, as it happens: a crash loses nothing.

An event is one JSON object, sent as one packet, so that isolates can share the descriptor:
  loading  {isolate, module, file, chain}           before any of its code runs
  created  {isolate, module, single_phase, gil}     gil: that turned the GIL on
  loaded   {isolate, module}
  failed   {isolate, module, error, because}        because: the module whose failure caused it
  trying   {isolate, module}                        load_each begins with it
  tried    {isolate, module, error}                 and has ended with it
"""

import importlib
import importlib.util
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import BuiltinImporter, ExtensionFileLoader, ModuleSpec
from types import FrameType, ModuleType
from typing import Any

#: The environment variable that holds the descriptor; each interpreter starts with a copy.
DESCRIPTOR = "_SUBSRV_CHECK_EVENTS"

_LONGEST = 2000  # characters of an error; a packet must fit into a socket's buffer
_MARK = "_subsrv_blamed"


def send(event: str, **fields: object) -> None:
    """Report something to the process that watches this one."""
    os.write(int(os.environ[DESCRIPTOR]), json.dumps({"event": event, **fields}).encode())


def run_worker(spec: str) -> None:
    """What a worker of an interpreter runs instead of `subsrv.worker.run_worker`."""
    install(json.loads(spec)["worker"] + 1)
    from subsrv import worker

    worker.run_worker(spec)


def install(isolate: int) -> None:
    """Report what this interpreter loads from now on; `isolate` tells it from the others."""
    watch = _Watch(isolate)
    # The classes and not the finders, for what asks for a loader by itself passes here, too. Each
    # interpreter has classes of its own.
    for loader in (ExtensionFileLoader, BuiltinImporter):
        for name, make in (("create_module", watch.creating), ("exec_module", watch.executing)):
            setattr(loader, name, make(loader, getattr(loader, name)))


class _Watch:
    def __init__(self, isolate: int) -> None:
        self._isolate = isolate
        self._process = os.getpid()

    def creating(self, loader: Any, create: Callable[..., Any]) -> Any:
        """A `create_module` that reports; here CPython checks what a module supports."""

        def create_module(*arguments: Any) -> ModuleType | None:
            spec: ModuleSpec = arguments[-1]
            self._tell("loading", spec.name, file=spec.origin, chain=[*chain(), spec.name])
            gil = _gil()
            try:
                module: ModuleType | None = create(*arguments)
            except BaseException as error:
                self._failed(spec.name, error)
                raise
            # CPython itself enters a module of the old kind there; importlib enters the others,
            # but only afterwards.
            single = module is not None and sys.modules.get(spec.name) is module
            self._tell("created", spec.name, single_phase=single, gil=_gil() and not gil)
            return module

        return staticmethod(create_module) if loader is BuiltinImporter else create_module

    def executing(self, loader: Any, execute: Callable[..., Any]) -> Any:
        """An `exec_module` that reports; here run most of a module's own checks."""

        def exec_module(*arguments: Any) -> None:
            name: str = arguments[-1].__spec__.name
            try:
                execute(*arguments)
            except BaseException as error:
                self._failed(name, error)
                raise
            self._tell("loaded", name)

        return staticmethod(exec_module) if loader is BuiltinImporter else exec_module

    def _failed(self, name: str, error: BaseException) -> None:
        because = next((each for e in _causes(error) if (each := getattr(e, _MARK, None))), None)
        if because is None:
            setattr(error, _MARK, name)
            if isinstance(error, ImportError) and error.name is None:
                error.name = name  # what is said of it further up then names the right one
        text = f"{type(error).__name__}: {error}"[:_LONGEST]
        self._tell("failed", name, error=text, because=because if because != name else None)

    def _tell(self, event: str, module: str, **fields: object) -> None:
        # What the application forks is no isolate: there it may import what it likes.
        if os.getpid() == self._process:
            send(event, isolate=self._isolate, module=module, **fields)


def _gil() -> bool:
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def chain() -> list[str]:
    """The modules whose code is running, outermost first, from the application's on.

    "shop" is shop.py at import, "shop.startup()" one of its functions later: an import is not
    always a statement at the top of a module. Functions of the standard library in between, as of
    asyncio, lead nowhere.
    """
    labels: list[tuple[str, str]] = []
    for module, label in reversed([*_frames(sys._getframe(1))]):
        top = module.partition(".")[0]
        if top == "subsrv":
            labels.clear()  # the application is what it called last
        elif top == "__main__" or top in sys.stdlib_module_names:
            if labels and label == module:
                labels.append((module, label))
        else:
            labels.append((module, label))
    found: list[str] = []
    for module, run in itertools.groupby(labels, key=lambda each: each[0]):
        said = [label for _, label in run]
        # Of a module's top level and the functions it calls, the module; else the last function.
        found.append(module if module in said else said[-1])
    return found


def _frames(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "?"))
        if module != __name__ and not module.startswith(("importlib", "_frozen_importlib")):
            code = frame.f_code
            yield module, module if code.co_name == "<module>" else f"{module}.{code.co_qualname}()"
        frame = frame.f_back


def load_each(isolate: int, extensions: Sequence[tuple[str, str]], *, run: bool = True) -> None:
    """Try extension modules (name, file) one by one, whatever becomes of those before.

    Without `run` they are only created, which is when the GIL comes back.
    """
    install(isolate)
    for name, file in extensions:
        send("trying", isolate=isolate, module=name)
        try:
            # Alone first, for the package around it may fail because of another module, and
            # CPython's own check does not depend on that.
            loader = ExtensionFileLoader(name, file)
            created = importlib.util.spec_from_file_location(name, file, loader=loader)
            assert created is not None
            importlib.util.module_from_spec(created)
            if run:
                importlib.import_module(name)
        # What an extension module raises has been reported; what else a package raises does not
        # count here.
        except BaseException as error:
            send("tried", isolate=isolate, module=name, error=f"{type(error).__name__}: {error}")
        else:
            send("tried", isolate=isolate, module=name, error=None)
