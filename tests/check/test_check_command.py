"""`subsrv check`, from its options to its report."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import subsrv
from check.trying import FREE_THREADED, Shop, study
from subsrv import cli
from subsrv.check import auto, known, packages, remedies
from subsrv.check.explain import shortened
from subsrv.check.failures import Failure, Interpreter, State, Trouble, Verdict
from subsrv.check.study import recommended
from subsrv.config import Config

DOCUMENT = Path(subsrv.__file__).parents[1] / "CHECK.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs; it has an app that loads in the main interpreter only."""
    (tmp_path / "shop.py").write_text("import faulthandler\ndef app(request):\n    return b''\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = cli.main(["check", *words])
    return status, capsys.readouterr().out


def test_every_mode_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = check(capsys, "shop:app", "--probe", "/")
    assert status == 1
    nogil = "works" if FREE_THREADED else "not tried: it needs a free-threaded Python"
    for line in (
        rf"shop:app on CPython {re.escape(sys.version.split()[0])}( free-threaded)?$",
        r"  interp   does not work$",
        r"    - faulthandler: CPython refuses it: it does not say that it supports several",
        r"      imported by shop > faulthandler$",
        r"      try: if few requests need it: ",
        rf"  nogil    {nogil}",
        r"  thread   works$",
        r"  process  works$",
        rf"Serve it with --mode {'nogil' if FREE_THREADED else 'process'}\.$",
    ):
        assert re.search(f"^{line}", out, re.MULTILINE), (line, out)
    assert "\x1b" not in out  # not a terminal


def test_what_works_has_status_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = check(capsys, "shop:app", "--mode", "thread,process")
    assert status == 0
    assert "interp" not in out


def documented(title: str) -> set[str]:
    """The keys in the first column of a table of CHECK.md."""
    _, _, rest = DOCUMENT.read_text().partition(f"| {title} |")
    rows = rest.partition("\n\n")[0].splitlines()
    return {match[1] for row in rows if (match := re.match(r"\| `([\w-]+)`", row))}


def test_the_json_is_as_documented(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = check(capsys, "shop:app", "--mode", "interp,thread", "--json")
    assert status == 1
    document: dict[str, Any] = json.loads(out)
    assert set(document) == documented("report")
    assert document["schema"] == 1
    assert (document["app"], document["probe"], document["works"]) == ("shop:app", None, False)
    assert document["recommended"] == {"mode": "thread", "python": sys.executable}
    interp, thread = document["verdicts"]
    assert set(interp) == documented("verdict")
    assert set(interp["interpreter"]) == documented("interpreter")
    assert (interp["mode"], interp["state"], thread["state"]) == ("interp", "fails", "works")
    (trouble,) = interp["troubles"]
    assert set(trouble) == documented("trouble")
    assert (trouble["module"], trouble["failure"]) == ("faulthandler", "refused-by-cpython")
    assert documented("failure") == {failure.value for failure in Failure}
    assert documented("state") == {state.value for state in State}


def test_the_applications_own_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In every mode, so it is no mode's; its traceback is shown once."""
    (folder / "shop.py").write_text("def app(request): ...\n1 / 0\n")
    status, out = check(capsys, "shop:app", "--mode", "interp,thread")
    assert status == 1
    assert out.count("the application itself fails") == 2
    assert out.count("Traceback (most recent call last)") == 1
    assert out.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "It works in none of the modes" in out


def test_a_request_that_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "shop.py").write_text("def app(request):\n    return 1 / 0\n")
    status, out = check(capsys, "shop:app", "--mode", "process", "--probe", "/")
    assert status == 1
    assert "- the request was not answered well (at the request of --probe)" in out
    assert "said: it was answered with status 500" in out
    assert "ZeroDivisionError: division by zero" in out


def test_the_environment_is_the_servers(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By --env-file, too; but nobody logs the access of a trial."""
    (folder / "shop.py").write_text("import os\nos.environ['STOCK']\ndef app(_): return b''\n")
    (folder / "shop.env").write_text("STOCK=full\n")
    monkeypatch.setenv("STOCK", "")
    monkeypatch.delenv("STOCK")  # and so it is deleted again
    monkeypatch.setenv("SUBSRV_ACCESS_LOG", "1")
    monkeypatch.setenv("SUBSRV_ACCESS_LOG_FILE", str(folder / "access.log"))
    words = ("shop:app", "--mode", "process", "--probe", "/")
    assert check(capsys, *words)[0] == 1
    assert check(capsys, *words, "--env-file", "shop.env")[0] == 0
    assert not (folder / "access.log").exists()


def test_an_error_that_does_not_name_the_module_behind_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """
try:
    import faulthandler
except ImportError:
    faulthandler = None
print(faulthandler.is_enabled())
def app(request): ...
"""
    (folder / "shop.py").write_text(text)
    status, out = check(capsys, "shop:app", "--mode", "interp")
    assert status == 1
    _, after = out.split("    These did not load before that, and may be the cause:\n")
    assert "- faulthandler: CPython refuses it" in after
    assert "It goes on without" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--probe", "cart"], "--probe must be a path, not 'cart'"),
        (["--mode", "fibre"], "must be of interp, nogil, thread, process, not 'fibre'"),
        (["--app-dir", "nowhere"], "must be a folder that exists, not 'nowhere'"),
        (["--python", "/no/such/python"], "/no/such/python cannot be run"),
        (["--python", "./python"], "./python cannot try it; install subsrv"),
        pytest.param(
            ["--mode", "nogil"],
            "--mode nogil cannot be tried: it needs a free-threaded Python; --python names one",
            marks=pytest.mark.skipif(FREE_THREADED, reason="it can"),
        ),
    ],
)
def test_a_bad_option(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Also a Python without subsrv."""
    (folder / "python").write_text("#!/bin/sh\necho No module named subsrv\nexit 1\n")
    (folder / "python").chmod(0o755)
    assert cli.main(["check", "shop:app", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_several_pythons(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is told apart; here it is the same one by another name."""
    other = folder / "other"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    words = ("--python", sys.executable, "--python", str(other), "--mode", "thread")
    status, out = check(capsys, "shop:app", *words)
    assert status == 0
    assert out.count("  thread   works") == 2
    assert f"Serve it with --mode thread on CPython {sys.version.split()[0]}" in out


def test_the_origin_of_a_module() -> None:
    from markupsafe import _speedups

    name, version = packages.find("markupsafe._speedups", _speedups.__file__)
    assert name == "MarkupSafe"
    assert version is not None
    assert packages.find("no_such", "/no/such.so") == (None, None)
    assert packages.find("no_such", None) == (None, None)


def test_advice_for_a_package_that_has_some(shop: Shop) -> None:
    """By the name of what installed it, whatever its case."""
    folder = shop("import stock", stock="undeclared")
    metadata = folder / "SQLAlchemy-2.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: SQLAlchemy\nVersion: 2.1\n")
    (metadata / "top_level.txt").write_text("stock\n")
    (metadata / "RECORD").write_text("stock.so,,\n")
    (trouble,) = study(folder).judge("interp").troubles
    assert (trouble.distribution, trouble.version) == ("SQLAlchemy", "2.1")
    assert "DISABLE_SQLALCHEMY_CEXT=1" in trouble.advice[0]


def trouble_of(distribution: str, version: str, failure: Failure = Failure.CPYTHON) -> Trouble:
    return Trouble(
        failure=failure, said="", module="_stock", distribution=distribution, version=version
    )


def test_advice_from_what_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer version helps, or it is known that none does."""

    def sighting(*, works: bool, python: str) -> dict[str, Any]:
        return {"works": works, "version": "3.0", "python": python, "date": "2026-01-02"}

    older, newer = sighting(works=False, python="3.14.1"), sighting(works=True, python="3.15.1")
    table = {"cured": {"interp": [older, newer]}, "old": {"interp": [older]}}
    monkeypatch.setattr(known, "_table", lambda: table)
    cured = trouble_of("Cured", "2.0")
    assert remedies.advise(cured, "interp")[0] == (
        "install cured 3.0: it was seen to work on CPython 3.15.1 (2026-01-02)"
    )
    assert remedies.upgrades(cured, "interp") is None
    assert remedies.upgrades(trouble_of("old", "2.0"), "interp") == (
        "3.0, its newest version on 2026-01-02, fails as well (on CPython 3.14.1)"
    )
    newest = trouble_of("old", "3.0")
    assert remedies.upgrades(newest, "interp") == "this was its newest version on 2026-01-02"
    assert "install" not in remedies.advise(newest, "interp")[0]
    # Nothing is known of it in this mode, or at all.
    assert remedies.upgrades(trouble_of("old", "2.0", Failure.GIL), "nogil") is None
    assert remedies.upgrades(trouble_of("other", "2.0"), "interp") is None


def test_the_table_of_what_was_seen_is_there() -> None:
    (sighting, *_) = known.seen("NumPy", "interp")
    assert not sighting.works


def test_a_chain_of_imports_is_short_for_people() -> None:
    chain = ("shop", "shop.cart", "stock", "stock.api", "fast", "stock.core", "stock._core")
    assert [*shortened(chain)] == [
        *("shop", "shop.cart", "stock", "fast", "stock", "stock._core"),
    ]
    assert [*shortened(("stock",))] == ["stock"]


def test_the_best_of_the_modes_that_work() -> None:
    python = Interpreter(path="p", python="3", free_threaded=True, gil=False, interp=None)

    def verdict(mode: str, state: State) -> Verdict:
        return Verdict(mode=mode, interpreter=python, state=state)

    thread, process = verdict("thread", State.WORKS), verdict("process", State.WORKS)
    interp, nogil = verdict("interp", State.FAILS), verdict("nogil", State.NOT_TRIED)
    assert recommended([thread, process, interp, nogil]) is process
    assert recommended([thread, interp]) is thread
    assert recommended([interp, nogil]) is None


def test_auto_says_what_is_wrong_with_the_better_modes(folder: Path) -> None:
    mode, why = auto.choose(Config(app="shop:app", app_dir=str(folder)))
    if FREE_THREADED:
        assert (mode, why) == ("nogil", "the application works there")
    else:
        assert mode == "process"
        nogil, interp = why.split("; interp ")
        assert nogil.startswith("nogil does not work: it needs a free-threaded Python")
        assert interp.startswith("does not work: faulthandler: CPython refuses it")
