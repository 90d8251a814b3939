"""The file of --env-file: variables for the application, in the form known from dotenv.

    # a comment
    NAME=plain text   # a comment, behind a blank
    export DOUBLE="a\\tb with ${NAME}, over
    several lines"
    SINGLE='nothing in here means anything: ${NAME} \\t #'
    OTHER=${UNSET:-what stands for it}

A part of what shells, Compose and python-dotenv read, and those agree on it. It is read here, so
that a file means the same wherever the server runs.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from subsrv.errors import ConfigError

_nothing = re.compile(r"[ \t]*+(?:#[^\n]*+)?(?:\n|\Z)")
_assignment = re.compile(
    r"""
    [ \t]*+ (?:export[ \t]++)? (?P<name>[A-Za-z_][A-Za-z0-9_]*+) [ \t]*+ = [ \t]*+
    (?:
        ' (?P<single>[^']*+) '
      | " (?P<double>(?:[^"\\]|\\.)*+) "
      | (?P<bare>(?!['"]) (?:(?!(?<=[ \t])\#)[^\n])*+)
    )
    [ \t]*+ (?:\#[^\n]*+)? (?:\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_reference = r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*+)(?::-(?P<default>[^}]*+))?\}"
_in_bare = re.compile(_reference)
_in_double = re.compile(rf"\\(?P<escaped>.)|{_reference}", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def read(path: str | Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file. ${NAME} is that of `environ`, or else one from further up.

    ConfigError for a file that cannot be read, with the line that cannot.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"env-file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"env-file {path}: it is not UTF-8") from None
    values: dict[str, str] = {}
    position = 0
    while position < len(text):
        if match := _nothing.match(text, position):
            position = match.end()
            continue
        match = _assignment.match(text, position)
        if match is None or "\0" in match[0]:
            line = text.count("\n", 0, position) + 1
            raise ConfigError(f"env-file {path}: line {line} is no NAME=VALUE")
        values[match["name"]] = _value(match, {**values, **environ})
        position = match.end()
    return values


def _value(match: re.Match[str], known: Mapping[str, str]) -> str:
    def replace(found: re.Match[str]) -> str:
        if (escaped := found.groupdict().get("escaped")) is not None:
            return _ESCAPES.get(escaped, found[0])
        return known.get(found["name"]) or found["default"] or ""

    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return _in_double.sub(replace, match["double"])
    return _in_bare.sub(replace, match["bare"].rstrip(" \t"))
