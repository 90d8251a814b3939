"""The frameworks that people use, as they use them."""

import pytest

pytest.register_assert_rewrite("frameworks.uses", "frameworks.site_uses")
