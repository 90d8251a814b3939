"""What all tests share."""

from collections.abc import Generator

import pki
import pytest
from contract.modes import FREE_THREADED
from contract.serving import Server

# Of the tools and the experiments, which run on whatever interpreter there is and start the
# others, of `subsrv bench`, which measures other processes, of a real database and a real browser:
# to test them on each leg again would find nothing, and cost minutes.
_ONCE = ("test_tools_", "test_experiments_", "test_bench_command", "test_postgres", "test_browser")
# What is in the way of isolates differs between builds with a GIL and without, and little else.
_ONCE_WITH_A_GIL = ("test_check_kinds",)


# Kinds of worker that share all but their start with another: with the GIL, threads with
# interpreters; forked processes with spawned ones. These files hold them on every leg; what else
# is said of every kind is said of these two on one leg.
_AKIN = ("thread", "fork")
_OF_EACH_KIND = ("test_startup.py", "test_http.py", "test_workers.py", "test_backends.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the matrix runs on one leg only."""
    for item in items:
        name, call = item.path.name, getattr(item, "callspec", None)
        mode = getattr(call and call.params.get("mode"), "name", None)
        akin = mode in _AKIN and name not in _OF_EACH_KIND
        if akin or name.startswith(_ONCE if FREE_THREADED else _ONCE + _ONCE_WITH_A_GIL):
            item.add_marker(pytest.mark.once)


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
