"""The compatibility table: trying one package, going on, and the pages."""

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from experiments.compatibility import __main__ as command
from experiments.compatibility import cells, page
from experiments.compatibility.packages import PACKAGES
from experiments.compatibility.trying import attempt
from subsrv.check.failures import Failure, Interpreter, State, Trouble, Verdict
from subsrv.check.record import verdict_record
from tools.pythons import interpreter as interpreters

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
HERE = interpreters.Interpreter(
    path=Path(sys.executable), version="", free_threaded=FREE_THREADED, origin="test"
)


def test_there_are_enough_packages() -> None:
    assert len(PACKAGES) >= 60
    assert all(PACKAGES.values())


def record(mode: str, *troubles: Trouble, thread: State = State.WORKS, **more: Any) -> Any:
    python = Interpreter(path="p", python="3.14.1", free_threaded=False, gil=True, interp=None)
    failed = any(trouble.fatal for trouble in troubles)
    verdict = Verdict(
        mode=mode,
        interpreter=python,
        state=State.FAILS if failed else State.WORKS,
        troubles=troubles,
    )
    broken = Trouble(failure=Failure.APPLICATION, said="no libthing.so\nmore")
    plain = Verdict(
        mode="thread",
        interpreter=python,
        state=thread,
        troubles=(broken,) if thread is State.FAILS else (),
    )
    return {
        "package": "stock",
        "date": "2026-01-02",
        "version": "1.2",
        "python": "3.14.1",
        "free_threaded": mode == "nogil",
        "verdicts": {mode: verdict_record(verdict), "thread": verdict_record(plain)},
        **more,
    }


def trouble(failure: Failure, **more: Any) -> Trouble:
    return Trouble(failure=failure, said="so", **{"module": "_stock", **more})


@pytest.mark.parametrize(
    ("troubles", "answers"),
    [
        ((), "yes yes yes yes"),
        ((trouble(Failure.CPYTHON),), "not declared - - -"),
        ((trouble(Failure.SECOND, isolate=2),), "yes refuses - -"),
        ((trouble(Failure.CRASH, isolate=2, together=True),), "yes yes crashes -"),
        ((trouble(Failure.CLOSE, phase="exit"),), "yes yes yes goes wrong"),
        ((trouble(Failure.CPYTHON, fatal=False),), "yes * yes * yes * yes *"),
        # Of what failed first; what was tried on its own afterwards is another's.
        ((trouble(Failure.HANG), trouble(Failure.CPYTHON, phase="alone", fatal=False)), "hangs"),
    ],
)
def test_an_answer_to_each_question(troubles: tuple[Trouble, ...], answers: str) -> None:
    said = " ".join(cells.interp(record("interp", *troubles)).values())
    assert said.startswith(answers)


def test_what_cannot_be_tried_has_a_note_and_no_answers() -> None:
    broken = record("interp", thread=State.FAILS)
    assert cells.note(broken) == "does not load at all: no libthing.so"
    absent = {"package": "stock", "date": "2026-01-02", "unavailable": "no such wheel"}
    assert cells.note(absent) == "no wheel"
    for each in (broken, absent):
        assert set(cells.interp(each).values()) == {"-"}
        assert cells.nogil(each) == "-"
        assert cells.culprits(each) == []


def test_whether_the_gil_stays_off() -> None:
    assert cells.nogil(record("nogil")) == "yes"
    guilty = record("nogil", trouble(Failure.GIL))
    assert cells.nogil(guilty) == "no"
    assert cells.culprits(guilty) == ["_stock"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Where two packages have been tried, one of them on two interpreters."""
    assert page.made(tmp_path) == {}
    assert "Not tried yet" in page.section(tmp_path)
    refused = trouble(Failure.CPYTHON, distribution="Stock", version="1.3")
    records = {
        "3.14": {"stock": record("interp", refused), "fine<>": record("interp", package="fine<>")},
        "t": {"stock": record("nogil", python="3.14.1")},
    }
    file = page.records_file(tmp_path)
    file.parent.mkdir()
    file.write_text(json.dumps(records))
    return tmp_path


def test_the_pages(results: Path) -> None:
    pages = page.made(results)
    markdown = pages[results / "compatibility" / "README.md"]
    (row,) = (line for line in markdown.splitlines() if line.startswith("| stock"))
    assert [cell.strip() for cell in row.split("|")][1:-1] == [
        *("stock", "1.2", "not declared", "-", "-", "-", "yes", "2026-01-02", "_stock (3.14.1)"),
    ]
    answer = (
        "CPython 3.14.1: 1 of 2 load and close in interpreters with their own GIL; "
        "CPython 3.14.1t: 1 of 1 leave the GIL off."
    )
    assert answer in markdown
    assert answer in page.section(results)
    (known_to_check,) = (json.loads(text) for path, text in pages.items() if path.suffix == ".json")
    facts = {"python": "3.14.1", "date": "2026-01-02"}
    assert known_to_check["fine<>"]["interp"] == [{"works": True, "version": "1.2", **facts}]
    assert known_to_check["stock"] == {
        "interp": [{"works": False, "version": "1.3", **facts}],
        "nogil": [{"works": True, "version": "1.2", **facts}],
    }
    html = pages[results / "compatibility" / "index.html"]
    assert "<td>fine&lt;&gt;</td>" in html
    assert html.count("<tr>") == 3
    assert "http" not in html.replace("<!doctype html>", "")  # nothing is fetched from anywhere


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_page_in_a_browser(results: Path, tmp_path: Path) -> None:
    """Sorted by a click, downwards by another, and searched."""
    html = page.made(results)[results / "compatibility" / "index.html"]
    script = """<script>
        const names = () => [...document.querySelectorAll("tbody tr:not([hidden])")]
            .map(row => row.cells[0].textContent).join();
        const click = () => heads[2].firstChild.click();
        const seen = [names()];
        click(); seen.push(names());
        click(); seen.push(names());
        search.value = "_STOCK declared"; search.dispatchEvent(new Event("input"));
        seen.push(names(), document.getElementById("count").textContent);
        document.body.textContent = "seen: " + seen.join(" | ");
    </script>"""
    file = tmp_path / "page.html"
    file.write_text(html.replace("</html>", f"{script}</html>"))
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'user'}")
    browser = subprocess.run(
        [str(CHROMIUM), *flags, "--dump-dom", file.as_uri()],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=True,
        text=True,
    )
    _, _, seen = browser.stdout.partition("seen: ")
    assert seen.partition("</body>")[0].strip().split(" | ") == [
        *("fine&lt;&gt;,stock", "stock,fine&lt;&gt;", "fine&lt;&gt;,stock", "stock"),
        "1 of 2 packages",
    ]


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def scripted(package: str, *_: object) -> dict[str, Any]:
        if package == "click" and "click" not in tried:
            tried.append(package)
            raise KeyboardInterrupt
        tried.append(package)
        return {"package": package, "unavailable": "no wheel"}

    monkeypatch.setattr(command, "attempt", scripted)
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "PACKAGES", {"anyio": (), "click": (), "flask": ()})
    monkeypatch.setattr(command, "find", lambda _: (HERE, []))
    monkeypatch.setattr(sys, "argv", ["compatibility", "--legs", "3.14"])
    with pytest.raises(KeyboardInterrupt):
        command.main()
    assert command.main() == 0
    assert tried == ["anyio", "click", "click", "flask"]
    monkeypatch.setattr(sys, "argv", ["compatibility", "--legs", "3.14", "anyio"])
    assert command.main() == 0
    assert tried[-1] == "anyio"  # asked for by name


def test_a_package_is_tried_in_an_environment_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "stock-1.2-py3-none-any.whl"
    info = "stock-1.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("stock.py", "import readline\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: stock\nVersion: 1.2\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "stock.py,,\n")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    found = attempt("stock", ("stock",), HERE)
    assert found["version"] == "1.2"
    assert found["verdicts"]["thread"]["state"] == "works"
    if FREE_THREADED:
        assert cells.nogil(found) == "yes"
    elif sys.version_info < (3, 14):
        assert cells.note(found).startswith("interp: --mode interp on CPython 3.13 needs")
    else:
        assert cells.interp(found)["first"] == "single-phase"
        assert cells.culprits(found) == ["readline"]
    assert str(tmp_path) not in json.dumps(found)
    absent = attempt("no-such-stock", ("stock",), HERE)
    assert cells.note(absent) == "no wheel"
    assert "no-such-stock" in absent["unavailable"]
