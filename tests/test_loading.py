"""From "module:attribute" to an application: what is found, what it is, and each way to fail."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from subsrv import hello
from subsrv.apps import Loaded, load
from subsrv.config import Config
from subsrv.errors import AppLoadError

APP = "def app(request):\n    return b''\n"


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Leaves no module of a test's folder behind, and nothing on the import path."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


type Serve = Callable[..., Loaded]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Loads from modules with these texts; shop.py's is the first."""

    def serve(shop: str, *, app: str = "shop:app", **more: Any) -> Loaded:
        modules = {"shop": shop, **more.pop("modules", {})}
        for name, text in modules.items():
            path = tmp_path / f"{name.replace('.', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(dedent(text))
        return load(Config(app=app, app_dir=str(tmp_path), **more))

    return serve


@pytest.fixture
def fails(serve: Serve) -> Callable[..., AppLoadError]:
    """The same, where it cannot be loaded: how that is told."""

    def fails(shop: str, **more: Any) -> AppLoadError:
        with pytest.raises(AppLoadError) as caught:
            serve(shop, **more)
        assert caught.value.status == 3
        assert "\n" not in str(caught.value)
        return caught.value

    return fails


type Fails = Callable[..., AppLoadError]


# What is found.


@pytest.mark.parametrize("interface", ["asgi", "wsgi", "native"])
def test_without_an_app_there_is_hello(interface: str) -> None:
    assert load(Config(interface=interface)) == (getattr(hello, interface), interface)
    assert load(Config()) == (hello.native, "native")


def test_modules_and_attributes_may_be_dotted(serve: Serve) -> None:
    modules = {"pack.__init__": "", "pack.site": f"class Site:\n    {APP.replace('  ', '      ')}"}
    loaded = serve("", app="pack.site:Site.app", modules=modules)
    assert loaded.app is sys.modules["pack.site"].Site.app
    assert loaded.interface == "native"


def test_the_folder_comes_first_on_the_path_and_once(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(APP)
    serve(APP)
    assert sys.path[0] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1
    other = tmp_path / "other"
    other.mkdir()
    (other / "counter.py").write_text(APP)
    monkeypatch.chdir(other)
    load(Config(app="counter:app"))  # app_dir is "." by default
    assert sys.path[0] == str(other)


def test_a_factory_is_called(serve: Serve) -> None:
    loaded = serve(
        "def make():\n    return lambda scope, receive, send: 7", app="shop:make", factory=True
    )
    assert loaded.interface == "asgi"
    assert loaded.app(1, 2, 3) == 7


# What is not there.


@pytest.mark.parametrize(
    ("app", "missing"),
    [
        ("no_such:app", "no_such"),
        ("no_such.deeper:app", "no_such"),
        ("pack.no_such:app", "pack.no_such"),
        ("shop.deeper:app", "shop.deeper"),  # shop is no package
    ],
)
def test_an_unknown_module(fails: Fails, app: str, missing: str) -> None:
    error = fails("", app=app, modules={"pack.__init__": ""})
    assert str(error) == f"cannot load app {app!r}: no module {missing!r}"
    assert error.detail is None


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("shop:ap", "'shop' has no attribute 'ap', did you mean 'app'?"),
        (
            "shop:site.aplication",
            "'shop' has no attribute 'site.aplication', did you mean 'application'?",
        ),
        ("shop:zzz", "'shop' has no attribute 'zzz'"),
    ],
)
def test_an_unknown_attribute(fails: Fails, app: str, said: str) -> None:
    error = fails("app = len\nclass site:\n    application = len", app=app)
    assert str(error) == f"cannot load app {app!r}: {said}"
    assert error.detail is None


# What fails in the application.


def assert_trace(error: AppLoadError, *, first: str, last: str) -> None:
    """The detail is a traceback that begins in the application's own code."""
    assert error.detail is not None
    lines = error.detail.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert first in lines[1]
    assert lines[-1] == last
    assert "importlib" not in error.detail
    assert "loading.py" not in error.detail


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit('no settings')", "SystemExit: no settings"),
        ("import sys; sys.exit()", "SystemExit"),
        # Another module is missing than the one asked for.
        ("import no_such", "ModuleNotFoundError: No module named 'no_such'"),
        (
            "import shop.deeper",
            "ModuleNotFoundError: No module named 'shop.deeper'; 'shop' is not a package",
        ),
        ("raise ModuleNotFoundError('by hand')", "ModuleNotFoundError: by hand"),
        ("raise ImportError('no driver')", "ImportError: no driver"),
    ],
    ids=["error", "exit", "bare exit", "module", "below", "by hand", "import"],
)
def test_an_error_inside_the_application(fails: Fails, text: str, line: str) -> None:
    error = fails(f"def settings():\n    {text}\nsettings()\n")
    assert str(error) == f"cannot load app 'shop:app': {line}"
    assert_trace(error, first="shop.py", last=line)
    assert error.__cause__ is not None


def test_a_missing_module_whose_name_begins_the_applications(fails: Fails) -> None:
    error = fails("import sho")
    # 3.15 goes on: "Did you mean: 'shop'?"
    said = "cannot load app 'shop:app': ModuleNotFoundError: No module named 'sho'"
    assert str(error).startswith(said)
    assert error.detail is not None


@pytest.mark.parametrize(
    "statement", ["import shop.deeper", "import shop.deeper.still", "from shop import nothing"]
)
def test_the_application_runs_once_even_to_tell_why_it_failed(
    fails: Fails, tmp_path: Path, statement: str
) -> None:
    """CPython's traceback would import it again, to suggest another name."""
    runs = tmp_path / "runs"
    error = fails(
        f"""
        with open({str(runs)!r}, "a") as file:
            file.write("x")
        try:
            {statement}
        except ImportError as error:
            raise RuntimeError("no settings") from error
        """
    )
    assert str(error) == "cannot load app 'shop:app': RuntimeError: no settings"
    assert runs.read_text() == "x"


def test_an_error_of_many_lines_is_told_in_one(fails: Fails) -> None:
    """Its first; the detail has them all."""
    error = fails(
        """
        error = ValueError("no settings\\nset SHOP_SETTINGS")
        error.add_note("see the manual")
        raise error
        """
    )
    assert str(error) == "cannot load app 'shop:app': ValueError: no settings"
    assert error.detail is not None
    assert error.detail.endswith("ValueError: no settings\nset SHOP_SETTINGS\nsee the manual\n")


def test_an_error_in_a_module_that_the_application_imports(fails: Fails) -> None:
    """importlib's frames between the two stay: the traceback is cut only at its beginning."""
    error = fails("import stock", modules={"stock": "1 / 0"})
    assert_trace(error, first="shop.py", last="ZeroDivisionError: division by zero")
    assert "stock.py" in (error.detail or "")


def test_a_syntax_error_is_shown_without_a_traceback(fails: Fails) -> None:
    error = fails("def app(:\n")
    assert str(error) == "cannot load app 'shop:app': SyntaxError: invalid syntax"
    assert error.detail is not None
    assert error.detail.splitlines()[0].endswith('shop.py", line 1')
    assert "def app(:" in error.detail
    assert "importlib" not in error.detail


def test_an_interrupt_is_the_applications_own(fails: Fails) -> None:
    """No signal raises it here."""
    assert str(fails("raise KeyboardInterrupt")) == "cannot load app 'shop:app': KeyboardInterrupt"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('no settings')", "SystemExit: no settings"),
    ],
)
def test_a_factory_that_fails(fails: Fails, text: str, line: str) -> None:
    error = fails(f"def app():\n    {text}\n", factory=True)
    assert str(error) == f"the factory 'shop:app' failed: {line}"
    assert_trace(error, first="shop.py", last=line)


def test_a_factory_that_cannot_be_called_without_arguments(fails: Fails) -> None:
    error = fails(APP, factory=True)
    assert str(error).startswith("the factory 'shop:app' failed: TypeError: app() missing 1 ")
    error = fails("", factory=True, app="shop:__name__")
    assert str(error) == (
        "the factory 'shop:__name__' failed: TypeError: 'str' object is not callable"
    )


@pytest.mark.parametrize("factory", [False, True])
def test_what_cannot_be_called_is_no_application(fails: Fails, factory: bool) -> None:
    error = fails("def app():\n    return 5" if factory else "app = 5", factory=factory)
    assert str(error) == "'shop:app' is 5, which cannot be called"


# Which interface it speaks.


@pytest.mark.parametrize(
    ("interface", "text"),
    [
        ("native", "def app(request): ..."),
        ("native", "async def app(request): ..."),
        ("native", "def app(request, /, *, database=None): ..."),
        ("native", "def app(request, database=None, cache=None): ..."),
        ("native", "def app(request, *more, **options): ..."),
        ("native", "app = lambda request: b''"),
        ("wsgi", "def app(environ, start_response): ..."),
        ("wsgi", "def app(environ, start_response, debug=False): ..."),
        ("wsgi", "class app:\n    def __init__(self, environ, start_response): ..."),
        ("wsgi", "class App:\n    def __call__(self, environ, start_response): ...\napp = App()"),
        ("wsgi", "class App:\n    def site(self, environ, start_response): ...\napp = App().site"),
        ("asgi", "async def app(scope, receive, send): ..."),
        ("asgi", "def app(scope, receive, send): ..."),
        (
            "asgi",
            "class App:\n    async def __call__(self, scope, receive, send): ...\napp = App()",
        ),
        ("asgi", "class App:\n    @staticmethod\n    def app(a, b, c): ...\napp = App.app"),
        (
            "asgi",
            "import functools\nasync def base(db, scope, receive, send): ...\n"
            "app = functools.partial(base, {})",
        ),
        (
            "asgi",
            "import functools\nasync def base(scope, receive, send): ...\n"
            "@functools.wraps(base)\ndef app(*args): ...",
        ),
    ],
)
def test_the_interface_shows_in_the_parameters(serve: Serve, interface: str, text: str) -> None:
    assert serve(text).interface == interface


@pytest.mark.parametrize(
    "text",
    [
        "def app(): ...",
        "def app(*args): ...",
        "def app(a, b, c, d): ...",
        "def app(*, scope, receive, send): ...",
        "def app(a=1, b=2, c=3): ...",
        "app = type",  # has no signature
        "class App:\n    __signature__ = 5\n    def __call__(self, a): ...\napp = App()",
    ],
)
def test_where_the_interface_does_not_show_it_is_to_be_said(
    serve: Serve, fails: Fails, text: str
) -> None:
    assert str(fails(text)) == (
        "cannot tell the interface of 'shop:app' from its parameters; say --interface "
        "asgi, wsgi or native (and --factory, if it makes the application)"
    )
    for interface in ("asgi", "wsgi", "native"):
        assert serve(text, interface=interface).interface == interface


def test_what_is_said_counts_more_than_what_shows(serve: Serve) -> None:
    assert serve("def app(environ, start_response): ...", interface="native").interface == "native"


# What does not load in a subinterpreter.

CPYTHON = "module _stock.fast does not support loading in subinterpreters"
# Extension modules that check for themselves, as numpy and others do.
THEIR_OWN = [
    "cannot load module more than once per process",
    "Subinterpreters are not supported",
    "subinterpreter is not supported by this driver",
    "stock does not support sub-interpreters",
    "stock does not support subinterpreters.",
    "PyO3 modules do not yet support subinterpreters, see the tracker",
]


def assert_refused(
    error: AppLoadError,
    module: str,
    importers: str = "shop > stock",
    *,
    what: str = "cannot load app 'shop:app'",
) -> None:
    assert str(error) == (
        f"{what} in interp mode: the extension module {module!r} does not load in an interpreter "
        "of its own; --mode process and --mode thread would work"
    )
    # And what subsrv check would say of it.
    assert error.detail is not None
    path, advice, more = error.detail.splitlines()
    assert path == f"imported by {importers}{'' if importers.endswith(module) else f' > {module}'}"
    assert advice.startswith("try: if few requests need it: ")
    assert more == "subsrv check shop:app tells more"


def test_what_cpython_refuses_is_named_as_it_says(fails: Fails) -> None:
    error = fails("import stock", modules={"stock": f"raise ImportError({CPYTHON!r}, name='x')"})
    assert_refused(error, "_stock.fast")


@pytest.mark.parametrize("words", THEIR_OWN)
def test_what_refuses_by_itself_is_named_by_the_error_or_by_where_it_arose(
    fails: Fails, words: str, tmp_path: Path
) -> None:
    error = fails("import stock", modules={"stock": f"raise ImportError({words!r}, name='fast')"})
    assert_refused(error, "fast")
    error = fails("import stock", modules={"stock": f"raise ImportError({words!r})"})
    assert_refused(error, "stock")


@pytest.mark.parametrize(
    ("handler", "raised"),
    [
        ("except ImportError as error:", "raise ImportError('reinstall stock') from error"),
        ("except ImportError as error:", "raise RuntimeError('no driver') from error"),
        ("except ImportError as error:", "raise SystemExit('no driver') from error"),
        ("except ImportError:", "raise RuntimeError('no driver')"),
        ("except ImportError:", "import no_such_fallback"),
    ],
    ids=["import error", "other error", "exit", "context", "fallback"],
)
def test_a_refusal_is_found_behind_what_it_caused(fails: Fails, handler: str, raised: str) -> None:
    text = f"try:\n    import fast\n{handler}\n    {raised}\n"
    refusing = f"raise ImportError({CPYTHON!r})"
    error = fails("import stock", modules={"stock": text, "fast": refusing})
    assert_refused(error, "_stock.fast", "shop > stock > fast")
    # Twice removed.
    shop = "try:\n    import stock2\nexcept BaseException as error:\n    raise KeyError from error"
    error = fails(shop, app="shop2:app", modules={"shop2": shop, "stock2": text, "fast": refusing})
    assert "the extension module '_stock.fast' does not load" in str(error)


def test_what_refuses_in_a_factory_is_named_too(fails: Fails) -> None:
    text = "def app():\n    import stock"
    error = fails(text, modules={"stock": f"raise ImportError({CPYTHON!r})"}, factory=True)
    assert_refused(error, "_stock.fast", what="the factory 'shop:app' failed")


def test_other_errors_that_speak_of_subinterpreters_are_errors(fails: Fails) -> None:
    error = fails(f"raise RuntimeError({CPYTHON!r})")
    assert str(error) == f"cannot load app 'shop:app': RuntimeError: {CPYTHON}"
    error = fails("raise ImportError('subinterpreters are fine')")
    assert str(error) == "cannot load app 'shop:app': ImportError: subinterpreters are fine"
    assert error.detail is not None
