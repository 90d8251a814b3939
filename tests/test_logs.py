"""The server's own log: its colours, and files that configure logging."""

import io
import json
import logging
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from subsrv import logs
from subsrv.errors import ConfigError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def pristine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging as it is before anything has been configured, and afterwards as it was."""
    logger, root = logging.getLogger("subsrv"), logging.getLogger()
    before = [(each, each.level, each.handlers[:], each.propagate) for each in (logger, root)]
    monkeypatch.setattr(logs, "_applied", None)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)
    yield
    for each, level, handlers, propagate in before:
        for handler in each.handlers:
            if handler not in handlers:
                handler.close()
        each.setLevel(level)
        each.handlers, each.propagate = handlers, propagate


def said(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("debug")
    log = logging.getLogger("subsrv")
    log.debug("d")
    log.info("i")
    log.warning("w")
    try:
        raise ValueError("why")
    except ValueError:
        log.exception("e")
    text = stream.getvalue()
    assert text.endswith("ValueError: why\n")
    return text.partition("Traceback")[0]


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(Terminal(), monkeypatch) == (
        "\x1b[2msubsrv: d\x1b[0m\nsubsrv: i\n\x1b[33msubsrv: w\x1b[0m\n\x1b[31msubsrv: e\x1b[0m\n"
    )


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("", "")])
def test_nobody_else_does(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name:
        monkeypatch.setenv(name, value)
    stream = Terminal() if name else io.StringIO()
    assert said(stream, monkeypatch) == "subsrv: d\nsubsrv: i\nsubsrv: w\nsubsrv: e\n"


def test_a_second_call_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for level in ("info", "error"):
        logs.configure(level)
    logger = logging.getLogger("subsrv")
    assert len(logger.handlers) == 1
    assert logger.level == logging.ERROR


def test_without_a_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not logs.wants_colour(None, {})


# --log-config

SETTINGS: dict[str, Any] = {
    "formatters": {"short": {"format": "%(levelname)s %(message)s"}},
    "handlers": {"file": {"class": "logging.FileHandler", "formatter": "short"}},
    "root": {"handlers": ["file"], "level": "INFO"},
}
TOML = """\
version = 1
formatters.short.format = "%(levelname)s %(message)s"
handlers.file = {{ class = "logging.FileHandler", formatter = "short", filename = "{0}" }}
root = {{ handlers = ["file"], level = "INFO" }}
"""
YAML = """\
formatters: {{short: {{format: "%(levelname)s %(message)s"}}}}
handlers: {{file: {{class: logging.FileHandler, formatter: short, filename: "{0}"}}}}
root: {{handlers: [file], level: INFO}}
"""
INI = """\
[loggers]
keys=root
[handlers]
keys=file
[formatters]
keys=short
[logger_root]
level=INFO
handlers=file
[handler_file]
class=FileHandler
args=("{0}",)
formatter=short
[formatter_short]
format=%(levelname)s %(message)s
"""


def fake_yaml() -> types.ModuleType:
    """PyYAML is not needed to test this: it is given the file and gives back a table."""
    module = types.ModuleType("yaml")

    class YAMLError(Exception):
        pass

    def safe_load(data: bytes) -> object:
        if data == b"[":
            raise YAMLError("no end")
        filename = data.decode().partition('filename: "')[2].partition('"')[0]
        handler = {**SETTINGS["handlers"]["file"], "filename": filename}
        return {**SETTINGS, "handlers": {"file": handler}}

    module.YAMLError, module.safe_load = YAMLError, safe_load  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("suffix", [".json", ".toml", ".yaml", ".yml", ".ini", ".conf"])
def test_a_file_configures_all_of_logging(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", fake_yaml())
    out, path = tmp_path / "out", tmp_path / f"logs{suffix}"
    if suffix == ".json":
        handler = {**SETTINGS["handlers"]["file"], "filename": str(out)}
        path.write_text(json.dumps({**SETTINGS, "handlers": {"file": handler}}))
    else:
        text = {".toml": TOML, ".yaml": YAML, ".yml": YAML}.get(suffix, INI)
        path.write_text(text.format(out))
    before = logging.getLogger("before")
    for _ in range(2):  # where threads share it, each worker asks for it
        logs.configure("warning", str(path))
    log = logging.getLogger("subsrv")
    log.info("too little")
    log.warning("w")
    before.info("i")
    assert out.read_text() == "WARNING w\nINFO i\n"
    assert log.handlers == []


def test_the_files_own_level_wins(tmp_path: Path) -> None:
    path = tmp_path / "logs.json"
    path.write_text(json.dumps({"loggers": {"subsrv": {"level": "ERROR"}}}))
    logs.configure("debug", str(path))
    assert logging.getLogger("subsrv").level == logging.ERROR


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("logs.json", "{", "Expecting property name"),
        ("logs.json", "[]", "'list' object is not a mapping"),
        ("logs.json", '{"version": 2}', "Unsupported version: 2"),
        ("logs.json", '{"handlers": {"a": {"class": "no.Such"}}}',
         "Unable to configure handler 'a': Cannot resolve 'no.Such'"),
        ("logs.toml", "x", "Expected '=' after a key"),
        ("logs.yaml", "[", "no end"),
        ("logs.ini", "[loggers]\n", ""),
        ("logs.ini", "nonsense", ""),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_applied_is_one_line(
    name: str, content: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", fake_yaml())
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        logs.configure("info", str(path))
    assert str(caught.value).startswith(f"log-config {path}: {told}")
    assert "\n" not in str(caught.value)


def test_yaml_needs_its_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "logs.yml").write_text("{}")
    with pytest.raises(ConfigError, match=r"reading YAML needs PyYAML \(pip install pyyaml\)"):
        logs.configure("info", str(tmp_path / "logs.yml"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("logs.json", "logs.ini"):
        with pytest.raises(ConfigError, match=rf"{name}: No such file or directory$"):
            logs.configure("info", str(tmp_path / name))
