"""Where settings come from: flags, then SUBSRV_* variables, then pyproject.toml.

Each source spells the fields of Config its own way, and its faults are told in its own spelling.
Text is read alike wherever it stands: `bind` takes addresses separated by commas, `header` one on
each line, sizes take a suffix k, m or g (times 1024), and 1, true, yes, on and 0, false, no, off
are the booleans.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from subsrv import envfile
from subsrv.config import OPTIONS, Config, Kind, did_you_mean, flag
from subsrv.errors import ConfigError

_PREFIX = "SUBSRV_"
_TABLE = "pyproject.toml [tool.subsrv]"

SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_SIZE = re.compile(r"(\d{1,18})([kmg]?)", re.ASCII | re.IGNORECASE)


# How each source spells the fields of Config.
_SNAKE = {name: name for name in OPTIONS}
_KEBAB = {name.replace("_", "-"): name for name in OPTIONS}
_VARIABLES = {_PREFIX + name.upper(): name for name in OPTIONS}
_FLAGS = {flag(name): name for name in OPTIONS}


def from_sources(flags: Mapping[str, object], environ: Mapping[str, str], folder: Path) -> Config:
    """The configuration of a command: `flags` over `environ` over `folder`/pyproject.toml.

    The flags are keyed as they are spelled. A variable that is empty counts as not set.
    Raises ConfigError with the faults of all three.
    """
    table = _table(folder)
    # Variables in a file are variables, but those that are set win.
    if env_file := _env_file(flags, environ, table):
        environ = {**envfile.read(folder / env_file, environ), **environ}
    variables = {name: text for name, text in environ.items() if name.startswith(_PREFIX) and text}
    faults: list[str] = []
    values = {
        **_read(table, f"{_TABLE}: ", "key", {**_KEBAB, **_SNAKE}, faults),
        **_read(variables, "", "variable", _VARIABLES, faults),
        **_read(flags, "", "option", _FLAGS, faults),
    }
    if faults:
        raise ConfigError("; ".join(faults))
    return Config(**values)


def from_arguments(arguments: Mapping[str, object]) -> Config:
    """The configuration of a call: `arguments` and nothing else. Raises ConfigError."""
    faults: list[str] = []
    values = _read(arguments, "", "setting", _SNAKE, faults)
    if faults:
        raise ConfigError("; ".join(faults))
    return Config(**values)


def _env_file(*sources: Mapping[str, object]) -> str | None:
    """What the first source that has an env_file says; whether it may is asked later."""
    for source, spellings in zip(sources, (_FLAGS, _VARIABLES, {**_KEBAB, **_SNAKE}), strict=True):
        for spelling, value in source.items():
            if spellings.get(spelling) == "env_file" and value and isinstance(value, str):
                return value
    return None


def _read(
    given: Mapping[str, object],
    place: str,
    noun: str,
    names: Mapping[str, str],
    faults: list[str],
) -> dict[str, Any]:
    """The fields that one source gives, by their `names` in it; adds what is wrong to `faults`."""
    values: dict[str, Any] = {}
    for spelling, raw in given.items():
        name = names.get(spelling)
        if name is None:
            faults.append(f"{place}unknown {noun} {spelling!r}{did_you_mean(spelling, names)}")
            continue
        if name in values:
            faults.append(f"{place}{name} is given twice")
            continue
        values[name] = _convert(OPTIONS[name].kind, raw)
        if fault := OPTIONS[name].fault(values[name]):
            faults.append(f"{place}{spelling} {fault}")
    return values


def _convert(kind: Kind, raw: object) -> object:
    """`raw` as a value of `kind`; as it is where it cannot be one, for Option.fault to tell."""
    if isinstance(raw, list):
        return tuple(raw)
    if not isinstance(raw, str):
        return raw
    match kind:
        case Kind.FLAG:
            return _BOOLEANS.get(raw.lower(), raw)
        case Kind.ADDRESSES | Kind.PATTERNS | Kind.PEERS:
            return tuple(address.strip() for address in raw.split(","))
        case Kind.HEADERS:
            return tuple(line for line in raw.splitlines() if line.strip())
        case Kind.SIZE if size := _SIZE.fullmatch(raw):
            return int(size[1]) * SUFFIXES[size[2].lower()]
        case Kind.COUNT | Kind.SIZE | Kind.SECONDS:
            try:
                return float(raw) if kind is Kind.SECONDS else int(raw)
            except ValueError:
                return raw
        case _:
            return raw


def _table(folder: Path) -> dict[str, object]:
    """The [tool.subsrv] table of the pyproject.toml in `folder`; empty if there is none."""
    try:
        text = (folder / "pyproject.toml").read_text("utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"pyproject.toml cannot be read: {error.strerror}") from None
    except ValueError as error:  # not UTF-8
        raise ConfigError(f"pyproject.toml cannot be read: {error}") from None
    import tomllib  # only where there is something to read

    try:
        document: Any = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"pyproject.toml cannot be read: {error}") from None
    for name in ("tool", "subsrv"):
        document = document.get(name, {})
        if not isinstance(document, dict):
            raise ConfigError(f"pyproject.toml: {name!r} must be a table, not {document!r}")
    table: dict[str, object] = document
    return table
