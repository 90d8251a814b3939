"""What all tests share."""

from collections.abc import Generator

import pki
import pytest
from contract.serving import Server

# Of the tools and the experiments, which run on whatever interpreter there is and start the
# others, of a real database and a real browser: to test them on each leg again would find nothing,
# and cost minutes.
_ONCE = ("test_tools_", "test_experiments_", "test_postgres", "test_browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the matrix runs on one leg only."""
    for item in items:
        if item.path.name.startswith(_ONCE):
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
