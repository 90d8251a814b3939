"""What all tests share."""

import tempfile
from collections.abc import Generator
from typing import IO

import pki
import pytest
from contract.modes import AKIN, FREE_THREADED, Mode
from contract.serving import Server

# Of the tools and the experiments, which run on whatever interpreter there is and start the
# others, of `subsrv bench`, which measures other processes, of a real database and a real browser:
# to test them on each leg again would find nothing, and cost minutes.
_ONCE = (
    *("test_tools_", "test_experiments_", "test_bench_command", "test_postgres", "test_browser"),
    "test_guard",
)
# What is in the way of isolates, and how a request is read, differs between builds with a GIL and
# without if at all. So does how the supervisor treats workers; these are none, and on each leg
# tests/contract has it treat real ones.
_ONCE_WITH_A_GIL = (
    *("check/test_check_kinds", "check/test_check_command", "http1/test_cases"),
    *("tests/test_supervisor", "tests/test_takeover", "tests/test_operating", "tests/test_hang"),
)

# These hold the kinds of worker that are akin to others on every leg; what else is said of every
# kind is said of those on one leg.
_OF_EACH_KIND = (
    "test_backends.py",
    "test_http.py",
    "test_each_mode_starts",
    "test_requests_run_in",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the matrix runs on one leg only."""
    for item in items:
        name, place = item.path.name, f"{item.path.parent.name}/{item.path.name}"
        akin = _mode(item) in AKIN and not any(each in item.nodeid for each in _OF_EACH_KIND)
        of_gil = not FREE_THREADED and place.startswith(_ONCE_WITH_A_GIL)
        if akin or of_gil or name.startswith(_ONCE):
            item.add_marker(pytest.mark.once)


def _mode(item: pytest.Item) -> str | None:
    """The kind of worker that a test is about, by its name."""
    call = getattr(item, "callspec", None)
    for value in call.params.values() if call else ():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Mode):
                return each.name
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the servers of a failed test have said."""
    report = yield
    if report.failed:
        for name, value in item.funcargs.items():
            if isinstance(value, Server):
                report.sections.append((f"log of {name}", value.log))
    return report


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> pki.Pki:
    """An authority, and what it has signed."""
    return pki.make(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No temporary file takes anything."""

    def full() -> IO[bytes]:
        return open("/dev/full", "wb", buffering=0)

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
