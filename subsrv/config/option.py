"""What an option is: its kind, its default, and the rule that its value must keep."""

import dataclasses
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """What sort of value a setting has, in the words of an error message."""

    APP = "module:attribute"
    FOLDER = "a folder"
    FILE = "a file"
    TEXT = "text"
    CHOICE = "one of"
    FLAG = "true or false"
    COUNT = "a whole number"
    SIZE = "a whole number of bytes"
    SECONDS = "a number of seconds"
    ADDRESSES = "one address or more"
    PEERS = "addresses or networks"
    MODE = "three or four octal digits"
    HEADERS = "headers as NAME:VALUE"
    PATTERNS = "names or patterns"


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One setting: its kind, default and bounds, and what `--help` says of it under which title."""

    group: str
    kind: Kind
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    least: int = 0

    def fault(self, value: object) -> str | None:
        """What is wrong with `value`, as in "must be 0 or more, not -1"; None if nothing is."""
        rule = self._broken_rule(value)
        return f"must be {rule}, not {value!r}{self._hint(value)}" if rule else None

    def _broken_rule(self, value: Any) -> str | None:
        if value is None and self.default is None:
            return None
        rule: str = self.kind.value
        if self.kind is Kind.CHOICE:
            return None if value in self.choices else f"{rule} {', '.join(self.choices)}"
        if not _is_a(self.kind, value):
            return rule
        if self.kind in (Kind.COUNT, Kind.SIZE, Kind.SECONDS):
            # What a C int or ssize_t holds, for these numbers end up in system calls.
            most = sys.maxsize if self.kind is Kind.SIZE else 2**31 - 1
            if not value >= self.least:  # rather than "<", which NaN would pass
                return f"{self.least} or more"
            if value > most:
                return f"{most} or less"
        return None

    def _hint(self, value: object) -> str:
        if self.kind is Kind.CHOICE:
            return did_you_mean(value, self.choices)
        if self.kind is not Kind.APP:
            return ""
        if not isinstance(value, str):
            return ": every isolate imports it for itself"
        module, _, attribute = value.partition(":")
        path = module.removeprefix("./").removesuffix(".py").replace("/", ".")
        guess = f"{path}:{attribute or 'app'}"
        return f", did you mean {guess!r}?" if _names_attribute(guess) else ""


def _is_a(kind: Kind, value: object) -> bool:
    match kind:
        case Kind.APP:
            return isinstance(value, str) and _names_attribute(value)
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.COUNT | Kind.SIZE:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.SECONDS:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.PEERS | Kind.PATTERNS:
            return isinstance(value, tuple) and all(map(_is_text, value))
        case Kind.MODE:
            return isinstance(value, str) and re.fullmatch("[0-7]{3,4}", value) is not None
        case Kind.ADDRESSES:
            return isinstance(value, tuple) and value != () and all(map(_is_text, value))
        case Kind.HEADERS:
            return isinstance(value, tuple) and all(map(_is_header, value))
        case _:
            return _is_text(value)


def _is_header(value: object) -> bool:
    # RFC 9110 section 5: a token, and a value without controls.
    field = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*"
    return isinstance(value, str) and re.fullmatch(field, value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _names_attribute(app: str) -> bool:
    module, _, attribute = app.partition(":")
    names = (*module.split("."), *attribute.split("."))
    return all(name.isidentifier() for name in names) and not module.endswith(".py")


def flag(name: str) -> str:
    """The command line's spelling of a field of Config."""
    return "APP" if name == "app" else f"--{name.replace('_', '-')}"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The tail of a message about an unknown `word`: the known one that is like it, or nothing."""
    import difflib  # only once something is wrong: no worker pays for it

    # The cutoff is above what the prefix SUBSRV_ alone makes two short names alike.
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.75)
    return f", did you mean {close[0]!r}?" if close else ""


def option(group: str, kind: Kind, default: Any, help_: str, **more: Any) -> Any:
    """A field of a dataclass that carries an `Option` in its metadata, as "option"."""
    about = Option(group=group, kind=kind, default=default, help=help_, **more)
    return dataclasses.field(default=default, metadata={"option": about})
