"""Each class of failure, by a real extension module that has it."""

from importlib.metadata import version
from pathlib import Path

import pytest

from check.trying import FREE_THREADED, Shop, study
from subsrv.check.failures import ALONE, Failure, State, Trouble


def the_trouble(folder: Path, *, mode: str = "interp", **more: object) -> Trouble:
    """Of a mode that does not work, what is wrong with it."""
    verdict = study(folder, **more).judge(mode)  # type: ignore[arg-type]
    assert verdict.state is State.FAILS, verdict
    (trouble,) = verdict.troubles
    return trouble


# Each loads or not, and the application does without it.
KINDS = {
    "fine": None,
    "single": (Failure.SINGLE_PHASE, 1, "does not support loading in subinterpreters"),
    "undeclared": (Failure.CPYTHON, 1, "does not support loading in subinterpreters"),
    "itself": (Failure.MODULE, 1, "ImportError: only for the main interpreter"),
    "second": (Failure.SECOND, 2, "ImportError: cannot load module more than once"),
    "broken": (Failure.BROKEN, 1, "ImportError: no such library"),
}
EACH = """
from importlib import import_module
from contextlib import suppress
for name in {names}:
    with suppress(ImportError):
        import_module(name)
"""


def test_the_kinds_are_told_apart(shop: Shop) -> None:
    names = [f"{kind}_stock" for kind in KINDS]
    folder = shop(EACH.format(names=names), **dict(zip(names, KINDS, strict=True)))
    verdict = study(folder).judge("interp")
    assert verdict.state is State.WORKS
    found = {str(trouble.module): trouble for trouble in verdict.troubles}
    assert set(found) == {*names} - {"fine_stock"}
    for kind, expected in KINDS.items():
        if expected is None:
            continue
        failure, isolate, said = expected
        trouble = found[f"{kind}_stock"]
        assert (trouble.failure, trouble.isolate) == (failure, isolate)
        assert said in trouble.said
        assert trouble.chain == ("shop", f"{kind}_stock")
        assert (trouble.phase, trouble.fatal, trouble.advice) == ("start", False, ())
        assert trouble.file is not None
        assert Path(trouble.file).parent == folder


def test_a_crash_in_the_second_interpreter(shop: Shop) -> None:
    trouble = the_trouble(shop("import stock", stock="crash"))
    assert (trouble.failure, trouble.module, trouble.isolate) == (Failure.CRASH, "stock", 2)
    assert (trouble.said, trouble.chain) == ("killed by SIGSEGV", ("shop", "stock"))
    assert trouble.detail is not None
    assert "Fatal Python error: Segmentation fault" in trouble.detail


def test_a_module_that_refuses_the_second_interpreter(shop: Shop) -> None:
    trouble = the_trouble(shop("import stock", stock="second"))
    assert (trouble.failure, trouble.module, trouble.isolate) == (Failure.SECOND, "stock", 2)


def test_a_module_that_two_cannot_load_at_the_same_time(shop: Shop) -> None:
    trouble = the_trouble(shop("import stock", stock="racing"))
    assert (trouble.failure, trouble.module, trouble.together) == (Failure.MODULE, "stock", True)
    assert "another interpreter is just loading it" in trouble.said


def test_a_package_as_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("httptools", reason="httptools has no wheel for this interpreter")
    (tmp_path / "shop.py").write_text("import httptools\ndef app(request): ...")
    trouble, *more = study(tmp_path).judge("interp").troubles
    assert (trouble.distribution, trouble.version) == ("httptools", version("httptools"))
    assert (trouble.module, trouble.failure) == ("httptools.parser.parser", Failure.CPYTHON)
    assert trouble.chain == ("shop", "httptools", "httptools.parser", "httptools.parser.parser")
    assert trouble.advice[0].startswith("leave it out: subsrv parses HTTP by itself")
    assert [(each.module, each.phase) for each in more] == [("httptools.parser.url_parser", ALONE)]


def test_what_hangs_is_killed_and_says_where(shop: Shop) -> None:
    trouble = the_trouble(shop("import stock", stock="hang"), timeout=5)
    assert (trouble.failure, trouble.module) == (Failure.HANG, "stock")
    assert trouble.detail is not None
    assert "Fatal Python error: Aborted" in trouble.detail


@pytest.mark.parametrize(
    ("ending", "said"),
    [("os.kill(os.getpid(), 9)", "killed by SIGKILL"), ("os._exit(5)", "with status 5")],
)
def test_what_ends_the_process_when_its_interpreter_closes(
    tmp_path: Path, ending: str, said: str
) -> None:
    text = f"import atexit, os\natexit.register(lambda: {ending})\ndef app(request): ..."
    (tmp_path / "shop.py").write_text(text)
    trouble = the_trouble(tmp_path)
    assert (trouble.failure, trouble.module, trouble.phase) == (Failure.CLOSE, None, "close")
    assert said in trouble.said


def test_after_the_first_failure_the_others_are_found_too(shop: Shop) -> None:
    """Though no mode answers requests; but not what only a process of its own would load."""
    kinds = {"one": "undeclared", "two": "fine", "three": "single", "four": "crash"}
    text = """
        import one, two, three, pack, os
        if (child := os.fork()) == 0:
            import apart
            os._exit(0)
        os.waitpid(child, 0)

        def request():
            1 / 0
        """
    folder = shop(text, {"pack": "import four"}, **kinds, apart="undeclared")
    verdict = study(folder, probe="/").judge("interp")
    assert [(each.module, each.failure, each.phase, each.fatal) for each in verdict.troubles] == [
        ("one", Failure.CPYTHON, "start", True),
        ("three", Failure.SINGLE_PHASE, ALONE, False),
        ("four", Failure.CRASH, ALONE, False),
    ]
    assert verdict.troubles[2].chain == ("shop", "pack", "four")


@pytest.mark.skipif(not FREE_THREADED, reason="only without a GIL can a module turn it back on")
def test_each_module_that_turns_the_gil_back_on_is_named(shop: Shop) -> None:
    """Though CPython names only the first."""
    kinds = {"one": "fine", "two": "gil", "three": "fine", "four": "gil", "five": "single"}
    folder = shop("import one, two, three, four, five", **kinds)
    verdict = study(folder).judge("nogil")
    assert verdict.state is State.FAILS
    assert [(each.module, each.failure) for each in verdict.troubles] == [
        ("two", Failure.GIL),
        ("four", Failure.GIL),
        ("five", Failure.GIL),
    ]
    assert verdict.troubles[2].chain == ("shop", "five")
    assert all(trouble.fatal for trouble in verdict.troubles)


@pytest.mark.skipif(not FREE_THREADED, reason="only without a GIL can a module turn it back on")
def test_the_gil_may_come_back_at_a_request(shop: Shop) -> None:
    folder = shop("def request():\n    import stock", stock="gil")
    assert study(folder).judge("nogil").state is State.WORKS
    trouble = the_trouble(folder, mode="nogil", probe="/")
    assert (trouble.failure, trouble.module, trouble.phase) == (Failure.GIL, "stock", "request")


@pytest.mark.skipif(FREE_THREADED, reason="it is possible there")
def test_nogil_is_not_tried_with_a_gil(tmp_path: Path) -> None:
    verdict = study(tmp_path).judge("nogil")
    assert verdict.state is State.NOT_TRIED
    assert "free-threaded" in verdict.why


# What is advised.


def test_what_is_moved_into_a_process_of_its_own_works(tmp_path: Path) -> None:
    pytest.importorskip("subsrv.isolate", reason="there are no isolates for applications yet")
    (tmp_path / "work.py").write_text("def see():\n    import faulthandler\n    return b'seen'\n")
    (tmp_path / "shop.py").write_text(
        "import work\n"
        "from subsrv import isolate\n"
        "async def app(request):\n"
        "    async with isolate.Pool(1, kind='process') as pool:\n"
        "        return await pool.run(work.see)\n"
    )
    verdict = study(tmp_path, probe="/").judge("interp")
    assert (verdict.state, verdict.troubles) == (State.WORKS, ())


# Who imports it.


def test_a_deep_chain_through_packages_and_a_cycle(shop: Shop) -> None:
    modules = {
        "pack.__init__": "from pack import first",
        "pack.first": "from pack import second",
        "pack.second": "import pack.first\nfrom pack.deep import third",
        "pack.deep.__init__": "",
        "pack.deep.third": "def load():\n    from pack.deep import stock\nload()",
    }
    (folder := shop("import pack")).joinpath("pack/deep").mkdir(parents=True)
    shop("import pack", modules, pack__deep__stock="undeclared")
    trouble = the_trouble(folder)
    assert trouble.chain == (
        *("shop", "pack", "pack.first", "pack.second", "pack.deep.third"),
        "pack.deep.stock",
    )


def test_an_import_in_startup(shop: Shop) -> None:
    text = """
        def startup():
            import later

        inner = app

        async def app(scope, receive, send):
            try:
                await inner(scope, receive, send)
            except ImportError as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
        """
    trouble = the_trouble(shop(text, {"later": "import stock"}, stock="undeclared"))
    assert trouble.chain == ("shop.startup()", "later", "stock")


def test_an_import_in_a_request(shop: Shop) -> None:
    folder = shop("def request():\n    import stock", stock="undeclared")
    assert study(folder).judge("interp").state is State.WORKS  # nobody asked
    trouble = the_trouble(folder, probe="/")
    assert (trouble.failure, trouble.module) == (Failure.CPYTHON, "stock")
    assert (trouble.phase, trouble.chain) == ("request", ("shop.request()", "stock"))
