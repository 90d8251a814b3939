"""Config and its sources: every rule, every message, and which source wins."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subsrv.config import OPTIONS, Config, Kind, Option, flag
from subsrv.errors import ConfigError
from subsrv.settings import from_arguments, from_sources

# For each field: a value that is not the default, and the text that means it.
EXAMPLES: dict[str, tuple[object, str]] = {
    "app": ("shop.wsgi:site.app", "shop.wsgi:site.app"),
    "factory": (True, "yes"),
    "app_dir": ("src", "src"),
    "env_file": (os.devnull, os.devnull),
    "interface": ("wsgi", "wsgi"),
    "pid_file": ("/run/shop.pid", "/run/shop.pid"),
    "mode": ("process", "process"),
    "workers": (4, "4"),
    "threads": (8, "8"),
    "start_method": ("fork", "fork"),
    "bind": (("[::1]:0", "unix:/run/x"), "[::1]:0, unix:/run/x"),
    "unix_mode": ("0660", "0660"),
    "unix_owner": (":www", ":www"),
    "backlog": (1, "1"),
    "accept": ("fair", "fair"),
    "reactor": ("portable", "portable"),
    "ssl_certfile": ("tls/shop.pem", "tls/shop.pem"),
    "ssl_keyfile": ("tls/shop.key", "tls/shop.key"),
    "ssl_keyfile_password": ("a, b", "a, b"),
    "ssl_sni": (("a.example=a.pem", "*.b=c:k"), "a.example=a.pem,*.b=c:k"),
    "ssl_ca_certs": ("tls/ca.pem", "tls/ca.pem"),
    "ssl_cert_reqs": ("optional", "optional"),
    "ssl_minimum_version": ("TLSv1.3", "TLSv1.3"),
    "ssl_ciphers": ("ECDHE+AESGCM:!RSA", "ECDHE+AESGCM:!RSA"),
    "forwarded_allow_ips": (("10.0.0.0/8", "unix:"), "10.0.0.0/8, unix:"),
    "forwarded_header": ("forwarded", "forwarded"),
    "proxy_protocol": (True, "on"),
    "root_path": ("/shop/v1", "/shop/v1"),
    "limit_request_line": (65536, "64k"),
    "limit_header_size": (0, "0"),
    "limit_header_count": (7, "7"),
    "limit_body": (2 << 20, "2M"),
    "limit_body_memory": (1 << 30, "1g"),
    "limit_connections": (10, "10"),
    "limit_concurrency": (10, "10"),
    "limit_queue_age": (1.5, "1.5"),
    "timeout_header": (0.5, "0.5"),
    "timeout_body": (0.0, "0"),
    "timeout_keep_alive": (1e3, "1e3"),
    "timeout_write": (1.0, "1"),
    "min_body_rate": (10, "10"),
    "min_write_rate": (0, "0"),
    "graceful_timeout": (5.0, "5"),
    "require_nogil": (True, "yes"),
    "hang_timeout": (5.0, "5"),
    "hang_limit": (1, "1"),
    "hang_exit": (True, "1"),
    "control": ("unix:/run/control", "unix:/run/control"),
    "max_requests": (1000, "1000"),
    "max_requests_jitter": (100, "100"),
    "max_lifetime": (86400.0, "86400"),
    "max_rss": (512 << 20, "512m"),
    "force_recycling": (True, "true"),
    "reload": (True, "on"),
    "reload_dir": (("src", "lib"), "src, lib"),
    "reload_include": (("*.html",), "*.html"),
    "reload_exclude": (("old",), "old"),
    "date_header": (False, "FALSE"),
    "server_header": (False, "off"),
    "header": (("X-A: b, c", "Server:shop"), "X-A: b, c\nServer:shop\n"),
    "header_cache": (0, "0"),
    "ws_max_size": (1 << 20, "1m"),
    "ws_max_queue": (1, "1"),
    "ws_ping_interval": (0.0, "0"),
    "ws_ping_timeout": (2.5, "2.5"),
    "ws_per_message_deflate": (False, "no"),
    "access_log": (True, "on"),
    "access_log_format": ("json", "json"),
    "access_log_file": ("/var/log/shop", "/var/log/shop"),
    "log_level": ("debug", "debug"),
    "log_config": ("logs.toml", "logs.toml"),
}

# What some of them do not go without.
COMPANY: dict[str, Any] = {
    "app": "m:a",
    "ssl_certfile": "c.pem",
    "ssl_ca_certs": "ca.pem",
    "forwarded_allow_ips": ("::1",),
}


def message(function: Callable[..., object], *args: Any, **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        function(*args, **more)
    return str(caught.value)


def test_the_examples_cover_every_field_and_differ_from_its_default() -> None:
    assert list(EXAMPLES) == [field.name for field in dataclasses.fields(Config)]
    defaults = Config()
    assert all(value != getattr(defaults, name) for name, (value, _) in EXAMPLES.items())


# The rules of single values.


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("workers", -1, "must be 0 or more, not -1"),
        ("workers", "4", "must be a whole number, not '4'"),
        ("workers", 2.0, "must be a whole number, not 2.0"),
        ("workers", True, "must be a whole number, not True"),
        ("workers", None, "must be a whole number, not None"),
        ("workers", 2**31, "must be 2147483647 or less, not 2147483648"),
        ("threads", 0, "must be 1 or more, not 0"),
        ("backlog", 0, "must be 1 or more, not 0"),
        ("limit_body", -1, "must be 0 or more, not -1"),
        ("limit_body", 1.5, "must be a whole number of bytes, not 1.5"),
        ("limit_body", sys.maxsize + 1, f"must be {sys.maxsize} or less, not {sys.maxsize + 1}"),
        ("timeout_body", -0.5, "must be 0 or more, not -0.5"),
        ("timeout_body", float("nan"), "must be 0 or more, not nan"),
        ("timeout_body", float("inf"), "must be 2147483647 or less, not inf"),
        ("timeout_body", True, "must be a number of seconds, not True"),
        ("timeout_body", "1", "must be a number of seconds, not '1'"),
        ("factory", 1, "must be true or false, not 1"),
        ("mode", "green", "must be one of interp, nogil, thread, process, auto, not 'green'"),
        (
            "mode",
            "nogli",
            "must be one of interp, nogil, thread, process, auto, not 'nogli', "
            "did you mean 'nogil'?",
        ),
        ("mode", 1, "must be one of interp, nogil, thread, process, auto, not 1"),
        ("header", "A: b", "must be headers as NAME:VALUE, not 'A: b'"),
        ("header", ("A b: c",), "must be headers as NAME:VALUE, not ('A b: c',)"),
        ("header", ("A",), "must be headers as NAME:VALUE, not ('A',)"),
        ("header", ("A: b\n",), "must be headers as NAME:VALUE, not ('A: b\\n',)"),
        ("header", ("A: €",), "must be headers as NAME:VALUE, not ('A: €',)"),
        ("header", ("Date: now",), "'Date' is the server's own to send"),
        ("header", ("A: b", "content-length: 1"), "'content-length' is the server's own to send"),
        ("env_file", "", "must be a file, not ''"),
        ("app_dir", "", "must be a folder, not ''"),
        ("app_dir", 1, "must be a folder, not 1"),
        ("unix_mode", "rw-", "must be three or four octal digits, not 'rw-'"),
        ("unix_mode", 660, "must be three or four octal digits, not 660"),
        ("bind", (), "must be one address or more, not ()"),
        ("bind", ("",), "must be one address or more, not ('',)"),
        ("bind", (8080,), "must be one address or more, not (8080,)"),
        ("bind", "unix:/x", "must be one address or more, not 'unix:/x'"),
        ("app", "shop", "must be module:attribute, not 'shop', did you mean 'shop:app'?"),
        ("app", "a/b.py", "must be module:attribute, not 'a/b.py', did you mean 'a.b:app'?"),
        ("app", "./a.py", "must be module:attribute, not './a.py', did you mean 'a:app'?"),
        ("app", "a.py:b", "must be module:attribute, not 'a.py:b', did you mean 'a:b'?"),
        ("app", "a:b:c", "must be module:attribute, not 'a:b:c'"),
        ("app", ":app", "must be module:attribute, not ':app'"),
        ("app", "a..b:c", "must be module:attribute, not 'a..b:c'"),
        ("app", "a:b()", "must be module:attribute, not 'a:b()'"),
        ("app", 1, "must be module:attribute, not 1: every isolate imports it for itself"),
    ],
)
def test_a_bad_value_is_told_exactly(name: str, value: object, fault: str) -> None:
    assert message(Config, **{name: value}) == f"{name} {fault}"


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (v, _) in EXAMPLES.items()])
def test_a_good_value_is_kept(name: str, value: object) -> None:
    fields: dict[str, Any] = {**COMPANY, name: value}
    assert getattr(Config(**fields), name) == value


def test_every_fault_is_told_at_once() -> None:
    assert message(Config, workers=-1, mode=None, factory=True) == (
        "mode must be one of interp, nogil, thread, process, auto, not None; "
        "workers must be 0 or more, not -1; "
        "--factory is set, but there is no APP for it to make"
    )


def test_what_is_of_no_use_without_another_is_told() -> None:
    assert message(Config, proxy_protocol=True) == (
        "--proxy-protocol is set, but --forwarded-allow-ips trusts nobody"
    )
    assert message(Config, ssl_keyfile="k", ssl_ciphers="ALL", ssl_cert_reqs="required") == (
        "--ssl-keyfile is set, but there is no --ssl-certfile; "
        "--ssl-ciphers is set, but there is no --ssl-certfile; "
        "--ssl-cert-reqs is 'required', but there are no --ssl-ca-certs"
    )


@pytest.mark.parametrize("path", ["shop", "/", "/shop/", "//", "/a b", "/a?b", "/%41", "/ä"])
def test_a_root_path_is_a_path(path: str) -> None:
    assert (
        message(Config, root_path=path) == f"--root-path must be a path such as /shop, not {path!r}"
    )


# The journey to a worker.


def values(option: Option) -> st.SearchStrategy[Any]:
    """The good values of an option, and perhaps others that `configs` leaves out."""
    word = st.text(min_size=1)
    name = st.from_regex(r"[a-z_]\w*(\.[a-z]\w*)?:[a-z_]\w*", fullmatch=True)
    most = sys.maxsize if option.kind is Kind.SIZE else 2**31 - 1
    good: st.SearchStrategy[Any] = {
        Kind.APP: name,
        Kind.FOLDER: word,
        Kind.FILE: word,
        Kind.TEXT: word,
        Kind.PEERS: st.lists(word).map(tuple),
        Kind.MODE: st.from_regex("[0-7]{3,4}", fullmatch=True),
        Kind.CHOICE: st.sampled_from(option.choices or ("",)),
        Kind.FLAG: st.booleans(),
        Kind.COUNT: st.integers(option.least, most),
        Kind.SIZE: st.integers(option.least, most),
        Kind.SECONDS: st.floats(option.least, most) | st.integers(option.least, most),
        Kind.ADDRESSES: st.lists(word, min_size=1).map(tuple),
        Kind.PATTERNS: st.lists(word).map(tuple),
        Kind.HEADERS: st.lists(st.sampled_from(("A: b", "C:"))).map(tuple),
    }[option.kind]
    if option.default is None:
        good = st.none() | good
    return good.filter(lambda value: option.fault(value) is None)


def consistent(fields: dict[str, Any]) -> dict[str, Any]:
    """The same, without what does not go with the rest."""
    alone = {"factory"} if fields["app"] is None else set()
    if fields["ssl_certfile"] is None:
        alone |= {"ssl_keyfile", "ssl_keyfile_password", "ssl_sni", "ssl_ca_certs", "ssl_ciphers"}
    if fields["ssl_ca_certs"] is None or "ssl_ca_certs" in alone:
        alone.add("ssl_cert_reqs")
    if not fields["forwarded_allow_ips"]:
        alone.add("proxy_protocol")
    alone.add("root_path")  # a rule of its own
    return {name: value for name, value in fields.items() if name not in alone}


configs = st.fixed_dictionaries({name: values(option) for name, option in OPTIONS.items()}).map(
    lambda fields: Config(**consistent(fields))
)


# There are many fields, each of which is looked at alone above; and the machine may be busy.
@settings(deadline=None, max_examples=30)
@given(configs)
def test_a_configuration_survives_the_journey(config: Config) -> None:
    text = config.dumps()
    assert Config.loads(text) == config
    assert text.isascii()


def test_a_folder_that_is_not_utf8_survives_the_journey() -> None:
    folder = os.fsdecode(b"/tmp/\xff")
    assert Config.loads(Config(app_dir=folder).dumps()).app_dir == folder


def test_what_arrives_is_checked() -> None:
    fields = {**json.loads(Config().dumps()), "workers": -1}
    assert message(Config.loads, json.dumps(fields)) == "workers must be 0 or more, not -1"


def test_a_worker_does_not_pay_for_the_command_line() -> None:
    code = "import subsrv, sys; print({'argparse', 'difflib', 'tomllib'} & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "set()\n"


# The sources.


def pyproject(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.subsrv]\n{table}\n", "utf-8")
    return folder


@pytest.mark.parametrize(("name", "value", "text"), [(n, v, t) for n, (v, t) in EXAMPLES.items()])
def test_each_source_sets_each_field(name: str, value: object, text: str, tmp_path: Path) -> None:
    others = {other: given for other, given in COMPANY.items() if other != name}
    flags = {flag(other): given for other, given in others.items()}
    in_flags = from_sources({**flags, flag(name): text}, {}, tmp_path)
    in_environ = from_sources(flags, {f"SUBSRV_{name.upper()}": text}, tmp_path)
    assert getattr(in_flags, name) == getattr(in_environ, name) == value
    for key in (name, name.replace("_", "-")):
        for written in (text, value):
            folder = pyproject(tmp_path, f"{key} = {json.dumps(written)}")
            assert getattr(from_sources(flags, {}, folder), name) == value
    assert in_flags == in_environ == from_sources(flags, {}, folder)
    assert in_flags == from_arguments({**others, name: text})


def test_flags_win_over_variables_and_variables_over_the_file(tmp_path: Path) -> None:
    folder = pyproject(tmp_path, 'workers = 1\nthreads = 1\nmode = "thread"\nbind = ["f:1", "f:2"]')
    environ = {"SUBSRV_WORKERS": "2", "SUBSRV_THREADS": "2", "SUBSRV_BIND": "e:1,e:2"}
    config = from_sources({"--workers": "3", "--bind": ["a:1"]}, environ, folder)
    assert (config.workers, config.threads, config.mode) == (3, 2, "thread")
    assert config.bind == ("a:1",)  # it replaces the other sources' addresses, adds nothing


def test_a_file_of_variables_stands_behind_the_variables(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("SUBSRV_WORKERS=2\nSUBSRV_THREADS=2\nSHOP=open\n")
    folder = pyproject(tmp_path, "env-file = 'env'\nthreads = 1\nbacklog = 7")
    config = from_sources({}, {"SUBSRV_WORKERS": "3"}, folder)
    assert (config.workers, config.threads, config.backlog) == (3, 2, 7)
    assert config.env_file == "env"
    for flags, environ in (({"--env-file": "env"}, {}), ({}, {"SUBSRV_ENV_FILE": "env"})):
        (tmp_path / "pyproject.toml").write_text("")
        assert from_sources(flags, environ, tmp_path).workers == 2


def test_a_file_of_variables_has_its_faults_told(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("SUBSRV_WOKERS=2\n")
    assert message(from_sources, {"--env-file": "env"}, {}, tmp_path) == (
        "unknown variable 'SUBSRV_WOKERS', did you mean 'SUBSRV_WORKERS'?"
    )
    assert message(from_sources, {"--env-file": "none"}, {}, tmp_path) == (
        f"env-file {tmp_path / 'none'}: No such file or directory"
    )
    folder = pyproject(tmp_path, "env-file = 1")
    assert message(from_sources, {}, {}, folder) == (
        "pyproject.toml [tool.subsrv]: env-file must be a file, not 1"
    )


def test_without_sources_there_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert from_sources({}, {"PATH": "/bin", "SUBSRV_MODE": ""}, tmp_path) == Config()
    assert from_arguments({}) == Config()


def test_a_call_reads_neither_the_environment_nor_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pyproject(tmp_path, "workers = 5"))
    monkeypatch.setenv("SUBSRV_WORKERS", "6")
    assert from_arguments({}).workers == 0


def test_each_fault_is_told_in_the_spelling_of_its_source(tmp_path: Path) -> None:
    folder = pyproject(tmp_path, "wokers = 4\nlimit-body = true\nlimit_connections = 'x'")
    environ = {"SUBSRV_WOKERS": "4", "SUBSRV_WORKERS": "many", "SUBSRV_QQQ": "1"}
    told = message(from_sources, {"--limit-body": "1t", "--mode": "nogil"}, environ, folder)
    assert told.split("; ") == [
        "pyproject.toml [tool.subsrv]: unknown key 'wokers', did you mean 'workers'?",
        "pyproject.toml [tool.subsrv]: limit-body must be a whole number of bytes, not True",
        "pyproject.toml [tool.subsrv]: limit_connections must be a whole number, not 'x'",
        "unknown variable 'SUBSRV_WOKERS', did you mean 'SUBSRV_WORKERS'?",
        "SUBSRV_WORKERS must be a whole number, not 'many'",
        "unknown variable 'SUBSRV_QQQ'",
        "--limit-body must be a whole number of bytes, not '1t'",
    ]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("limit_body", "-1", "must be 0 or more, not -1"),
        ("limit_body", "k", "must be a whole number of bytes, not 'k'"),
        ("limit_body", "1.5k", "must be a whole number of bytes, not '1.5k'"),
        ("limit_body", "9" * 19 + "g", f"must be a whole number of bytes, not '{'9' * 19}g'"),
        ("limit_body", "9" * 5000, f"must be a whole number of bytes, not '{'9' * 5000}'"),
        ("timeout_body", "soon", "must be a number of seconds, not 'soon'"),
        ("timeout_body", "nan", "must be 0 or more, not nan"),
        ("date_header", "maybe", "must be true or false, not 'maybe'"),
        ("bind", "a:1,", "must be one address or more, not ('a:1', '')"),
    ],
)
def test_text_that_cannot_be_read_is_told_as_it_stands(name: str, text: str, fault: str) -> None:
    assert message(from_arguments, {name: text}) == f"{name} {fault}"


def test_an_unknown_argument_of_a_call_is_told() -> None:
    assert message(from_arguments, {"worker": 2}) == (
        "unknown setting 'worker', did you mean 'workers'?"
    )


def test_a_key_given_twice_is_told(tmp_path: Path) -> None:
    folder = pyproject(tmp_path, "app-dir = 'a'\napp_dir = 'b'")
    assert message(from_sources, {}, {}, folder) == (
        "pyproject.toml [tool.subsrv]: app_dir is given twice"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[tool", "pyproject.toml cannot be read: "),
        (b"name = '\xff'", "pyproject.toml cannot be read: "),
        (b"x = " + b"9" * 5000, "pyproject.toml cannot be read: "),
        (b"tool = 1", "pyproject.toml: 'tool' must be a table, not 1"),
        (b"tool.subsrv = 'x'", "pyproject.toml: 'subsrv' must be a table, not 'x'"),
    ],
)
def test_a_broken_file_is_one_clear_line(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    text = message(from_sources, {}, {}, tmp_path)
    assert text.startswith(told)
    assert "\n" not in text


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    assert message(from_sources, {}, {}, tmp_path) == (
        "pyproject.toml cannot be read: Is a directory"
    )
