"""What all tests share."""

import pki
import pytest

# Of the tools and the experiments, which run on whatever interpreter there is and start the
# others: to test them on each leg again would find nothing, and cost minutes.
_ONCE = ("test_tools_", "test_experiments_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the matrix runs on one leg only."""
    for item in items:
        if item.path.name.startswith(_ONCE):
            item.add_marker(pytest.mark.once)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> pki.Pki:
    """An authority, and what it has signed."""
    return pki.make(tmp_path_factory.mktemp("pki"))
