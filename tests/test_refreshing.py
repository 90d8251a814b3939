"""Importing an application anew: what is, what is not, and what a failure leaves."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from subsrv.apps.refreshing import refreshing
from subsrv.config import Config


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """An application of several modules, imported."""
    for path in ("shop/__init__", "shop/views", "beside", "spaced/inner", "lib/site-packages/lib3"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).with_suffix(".py").write_text("state = []\n")
    for folder in ("", "lib/site-packages"):
        monkeypatch.syspath_prepend(tmp_path / folder)
    names = ("shop", "shop.views", "beside", "spaced", "spaced.inner", "lib3")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
        __import__(name)
    yield Config(app="shop:app", app_dir=str(tmp_path))
    for name in names:
        sys.modules.pop(name, None)


OWN = ("shop", "shop.views", "beside", "spaced", "spaced.inner")


def test_the_applications_own_modules_are_imported_anew(config: Config) -> None:
    before = dict(sys.modules)
    with refreshing(config):
        for name in OWN:
            assert name not in sys.modules
            __import__(name)
            assert sys.modules[name] is not before[name]
        others = before.keys() - set(OWN)
        assert all(sys.modules[name] is before[name] for name in others)


def test_a_package_that_is_installed_is_the_application_if_it_is_named(config: Config) -> None:
    with refreshing(Config(app="lib3:app", app_dir="/nowhere")):
        assert "lib3" not in sys.modules
        assert "beside" in sys.modules


def test_what_was_there_comes_back_after_a_failure(config: Config, tmp_path: Path) -> None:
    before = dict(sys.modules)
    (tmp_path / "late.py").write_text("")

    def fail() -> None:
        __import__("shop.views")
        __import__("late")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), refreshing(config):
        fail()
    assert sys.modules == before
    assert sys.modules["shop.views"].state == []


def test_the_server_is_never_imported_anew() -> None:
    import subsrv.apps

    root = Path(subsrv.__file__).parents[1]
    with refreshing(Config(app="subsrv.hello:native", app_dir=str(root))):
        assert sys.modules["subsrv.apps"] is subsrv.apps


def test_a_module_without_any_place_is_left_alone(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ModuleType("made")
    monkeypatch.setitem(sys.modules, "made", made)
    with refreshing(config):
        assert sys.modules["made"] is made
