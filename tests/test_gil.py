"""Hearing of modules that turn the GIL on, on any build: only the build is feigned."""

import sys
import warnings

import pytest

from subsrv import gil

TEXT = (
    "The global interpreter lock (GIL) has been enabled to load module 'shop.fast', which has "
    "not declared that it can run safely without the GIL."
)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is shown as ever, on a build that could do without the GIL, and has it."""
    shown: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: shown.append(str(message)))
    monkeypatch.setattr(sys, "abiflags", "t")
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True)
    return shown


def test_the_module_is_told_to_whoever_listens(shown: list[str]) -> None:
    first: list[str] = []
    second: list[str] = []
    with warnings.catch_warnings(), gil.listening(first.append):
        with gil.listening(second.append):
            warnings.warn_explicit(TEXT, RuntimeWarning, "here", 1)
        warnings.warn_explicit(TEXT, RuntimeWarning, "here", 1)
    assert first == ["shop.fast"] * 2
    assert second == ["shop.fast"]
    assert shown == []


def test_other_warnings_are_shown_as_ever(shown: list[str]) -> None:
    told: list[str] = []
    with warnings.catch_warnings(), gil.listening(told.append):
        warnings.simplefilter("always")
        warnings.warn_explicit("something else", UserWarning, "here", 1)
    assert told == []
    assert shown == ["something else"]
