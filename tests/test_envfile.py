"""The file of --env-file: what it may say, and what is said where it may not."""

from pathlib import Path

import pytest

from subsrv.envfile import read
from subsrv.errors import ConfigError


def parse(text: str, folder: Path, **environ: str) -> dict[str, str]:
    (folder / "env").write_bytes(text.encode())
    return read(folder / "env", environ)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("A=b c # d", "b c"),
        ("A=b#c", "b#c"),
        ("A=#b", "#b"),
        ("A= #b", ""),
        ("A=", ""),
        ("  export\tA = b \t", "b"),
        ("A='b # ${C} \\n \"'", 'b # ${C} \\n "'),
        ('A="b # c" # d', "b # c"),
        (r'A="b\n\t\"\\\$\q"', 'b\n\t"\\$\\q'),
        ('A="b\nc"', "b\nc"),
        ("A='b\nc'", "b\nc"),
        ("A=b\\nc", "b\\nc"),
        ("A=it's", "it's"),
        ("A=b=c", "b=c"),
        ("A=ä", "ä"),
        ("A=${B}-${C}", "set-"),
        ('A="${B}${C:-d e}"', "setd e"),
        ('A="\\${B} $B"', "${B} $B"),
        ("A=${C:-}", ""),
        ("B=file\nA=${B}", "set"),
        ("D=file\nA=${D}", "file"),
        ("A=1\nA=2", "2"),
        ("# c\n\n \t\r\nA=b\r\n", "b"),
        ("\ufeffA=b", "b"),
    ],
)
def test_what_a_line_means(text: str, value: str, tmp_path: Path) -> None:
    assert parse(text, tmp_path, B="set")["A"] == value


def test_nothing_is_nothing(tmp_path: Path) -> None:
    assert parse("", tmp_path) == parse("# only this", tmp_path) == {}


@pytest.mark.parametrize(
    "line",
    ["A", "1A=b", "A-B=c", "A B=c", "=b", "A='b", 'A="b', "A='b' c", 'A="b"c', "A=b\0c", "A='\0'"],
)
def test_a_line_that_cannot_be_read_is_named(line: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"# one\nTWO='2\n3'\n{line}\n", tmp_path)
    assert str(caught.value) == f"env-file {tmp_path / 'env'}: line 4 is no NAME=VALUE"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"env: No such file or directory$"):
        read(tmp_path / "env", {})
    (tmp_path / "env").write_bytes(b"A=\xff")
    with pytest.raises(ConfigError, match=r"env: it is not UTF-8$"):
        read(tmp_path / "env", {})


def test_a_long_file_is_read_in_linear_time(tmp_path: Path) -> None:
    """Each of these would be slow for a pattern that goes back."""
    for text in ('A="' + "\\" * 200_001, "A=" + " #" * 100_000, "A" * 200_000, " " * 200_000 + "x"):
        try:
            parse(text, tmp_path)
        except ConfigError:
            continue
