"""What all tests may use."""

import pki
import pytest


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> pki.Pki:
    """An authority, and what it has signed."""
    return pki.make(tmp_path_factory.mktemp("pki"))
