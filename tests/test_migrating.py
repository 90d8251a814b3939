"""docs/migrating.md: what it says is true of the options that there are."""

import re
from pathlib import Path

import pytest

from subsrv import cli, habits
from subsrv.config import OPTIONS, Kind, flag
from subsrv.errors import ConfigError

PAGE = Path(__file__).parents[1] / "docs" / "migrating.md"
_option = re.compile(r"(?<![\w-])-{1,2}[a-zA-Z][\w-]*")
_flag = re.compile(r"(?<![\w-])--[a-z][\w-]*")

OURS = {flag(name) for name in OPTIONS} | {
    *(flag(f"no_{name}") for name, option in OPTIONS.items() if option.kind is Kind.FLAG),
    *("--host", "--port", "--version", "--help", "-h", "-b", "-w"),
}


def rows() -> list[tuple[str, str, str]]:
    """Of all tables: the server whose section it stands in, its option, and ours."""
    found, server = [], ""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            server = line.removeprefix("## ").lower()
        elif line.startswith("| `"):
            theirs, ours = line.strip("|").split(" | ", 1)
            found.append((server, theirs, ours))
    return found


def test_there_is_a_table_for_each_server() -> None:
    assert {server for server, _, _ in rows()} == {"uvicorn", "gunicorn", "granian", "hypercorn"}


@pytest.mark.parametrize(("server", "theirs", "ours"), rows())
def test_a_row_names_only_options_that_there_are(server: str, theirs: str, ours: str) -> None:
    assert _option.search(theirs)
    assert ours.strip(), "what to do instead, or why nothing"
    assert set(_flag.findall(ours)) <= OURS


@pytest.mark.parametrize(("server", "theirs", "ours"), rows())
def test_an_option_of_theirs_is_taken_or_answered(server: str, theirs: str, ours: str) -> None:
    """Whoever types it gets what it meant, or one line that says what to do."""
    for option in _option.findall(theirs):
        assert option in OURS or option in habits.HINTS, option


@pytest.mark.parametrize("option", habits.HINTS)
def test_a_hint_names_only_options_that_there_are(option: str) -> None:
    assert set(_flag.findall(habits.HINTS[option])) <= OURS
    assert option not in OURS, "it would never be told"


def test_a_hint_is_told_whatever_else_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["shop:app", "-k", "gevent", "--timeout", "5"]) == ConfigError.status
    assert capsys.readouterr().err == (
        "subsrv: error: unknown option '-k': use --mode and --threads; --interface where it "
        "cannot be told; unknown option '--timeout': use --hang-timeout, and --timeout-header, "
        "--timeout-body and --timeout-write\n"
    )
