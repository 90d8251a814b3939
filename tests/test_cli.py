"""The command line: what it prints, and the status it ends with."""

import os
import re
import subprocess
import sys
import sysconfig
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

import subsrv
from subsrv import cli
from subsrv.config import OPTIONS, Config, flag
from subsrv.errors import AppLoadError, ConfigError, SubsrvError, WorkerStartError


class StubSupervisor:
    """Stands for the class: keeps what it is given, and ends as a test tells it to."""

    def __init__(self) -> None:
        self.configs: list[Config] = []
        self.levels: list[str] = []
        self.outcome: Callable[[], int] = lambda: 0

    def __call__(self, config: Config, *, on_ready: Callable[..., None]) -> Self:
        self.configs.append(config)
        self.on_ready = on_ready
        return self

    def run(self) -> int:
        return self.outcome()


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StubSupervisor:
    stub = StubSupervisor()
    module = types.ModuleType("subsrv.supervisor")
    monkeypatch.setattr(module, "Supervisor", stub, raising=False)
    monkeypatch.setitem(sys.modules, "subsrv.supervisor", module)
    monkeypatch.setattr("subsrv.logs.configure", lambda level, path: stub.levels.append(level))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SUBSRV_")]:
        monkeypatch.delenv(name)
    return stub


def failing(error: BaseException) -> Callable[[], int]:
    def outcome() -> int:
        raise error

    return outcome


# From the arguments to the configuration.


def test_the_defaults_reach_the_supervisor(supervisor: StubSupervisor) -> None:
    assert cli.main([]) == 0
    assert supervisor.configs == [Config(app_dir=os.getcwd())]


def test_flags_reach_the_supervisor_wherever_the_app_stands(
    supervisor: StubSupervisor,
) -> None:
    flags = ["--workers=3", "--bind", "a:1", "--bind", "b:2", "--no-date-header", "--factory"]
    for argv in (["m:a", *flags], [*flags, "m:a"], [*flags[:1], "m:a", *flags[1:]]):
        assert cli.main(argv) == 0
    first = supervisor.configs[0]
    assert supervisor.configs == [first] * 3
    assert (first.app, first.workers, first.bind) == ("m:a", 3, ("a:1", "b:2"))
    assert (first.factory, first.date_header, first.server_header) == (True, False, True)


def test_the_environment_and_the_file_are_read(
    supervisor: StubSupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.subsrv]\nworkers = 1\nthreads = 3\n")
    monkeypatch.setenv("SUBSRV_WORKERS", "2")
    assert cli.main([]) == 0
    assert (supervisor.configs[0].workers, supervisor.configs[0].threads) == (2, 3)


def test_the_app_folder_is_made_absolute(supervisor: StubSupervisor, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    assert cli.main(["--app-dir", "src"]) == 0
    assert supervisor.configs[0].app_dir == str(tmp_path / "src")


def test_the_supervisor_logs_at_the_level_asked_for(supervisor: StubSupervisor) -> None:
    assert cli.main(["--log-level", "debug"]) == 0
    assert supervisor.levels == ["debug"]


@pytest.mark.parametrize(
    ("argv", "bind"),
    [
        (["--host", "0.0.0.0", "--port", "80"], "0.0.0.0:80"),
        (["--host", "::1"], "[::1]:8080"),
        (["--port", "0"], "127.0.0.1:0"),
        (["-b", "a:1"], "a:1"),
    ],
)
def test_what_others_call_bind(argv: list[str], bind: str, supervisor: StubSupervisor) -> None:
    assert cli.main([*argv, "-w", "3"]) == 0
    assert (supervisor.configs[0].bind, supervisor.configs[0].workers) == ((bind,), 3)


def test_an_environment_file_reaches_the_application(
    supervisor: StubSupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ) | {"SET": "before"})
    (tmp_path / "env").write_text("SET=in the file\nSHOP='open'\nSUBSRV_WORKERS=3\n")
    assert cli.main(["--env-file", "env"]) == 0
    assert (os.environ["SET"], os.environ["SHOP"]) == ("before", "open")
    assert supervisor.configs[0].workers == 3


def test_the_pid_file_is_there_while_it_serves(supervisor: StubSupervisor, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    seen = []

    def outcome() -> int:
        assert not path.exists()
        supervisor.on_ready("ready")
        seen.append(path.read_text())
        return 0

    supervisor.outcome = outcome
    assert cli.main(["--pid-file", "pid"]) == 0
    assert seen == [f"{os.getpid()}\n"]
    assert not path.exists()


# Faults and exit statuses.


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--workers", "-1"], "--workers must be 0 or more, not -1"),
        (["--wokers", "4"], "unknown option '--wokers', did you mean '--workers'?"),
        (["--wokers=4", "-x"], "unknown option '--wokers', did you mean '--workers'?; "
         "unknown option '-x'"),
        (["--work", "4"], "unknown option '--work', did you mean '--workers'?"),
        (["--uds", "/run/x"], "unknown option '--uds': use --bind unix:PATH"),
        (["--host", "a", "-b", "b:1"],
         "--host and --port are --bind HOST:PORT: give the one or the other"),
        (["--header", "Upgrade:x"], "header 'Upgrade' is the server's own to send"),
        (["--env-file", "none"], "env-file none: No such file or directory"),
        (["--pid-file", "/no/where/pid"], "pid-file /no/where/pid cannot be written: "
         "its folder does not exist"),
        (["--access-log", "--access-log-format", "x"], "access-log-format must be one of common, "
         "combined, json, or have %(atoms)s, not 'x'"),
        (["--workers"], "argument -w/--workers: expected one argument (try subsrv --help)"),
        (["a:b", "c:d"], "one APP is enough, 'c:d' is one too many"),
        (["shop"], "APP must be module:attribute, not 'shop', did you mean 'shop:app'?"),
        (["--factory"], "--factory is set, but there is no APP for it to make"),
        (["--app-dir", "no/where"], "app-dir must be a folder that exists, not 'no/where'"),
        (
            ["--threads", "0", "--mode", "fork"],
            "--threads must be 1 or more, not 0; "
            "--mode must be one of interp, nogil, thread, process, auto, not 'fork'",
        ),
    ],
)  # fmt: skip
def test_a_bad_option_is_one_line_and_status_2(
    argv: list[str],
    told: str,
    supervisor: StubSupervisor,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(argv) == 2
    assert capsys.readouterr() == ("", f"subsrv: error: {told}\n")
    assert supervisor.configs == []


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ConfigError("port in use"), 2, "port in use\n"),
        (AppLoadError("no app", detail="Trace\n  back\n"), 3, "no app\nTrace\n  back\n"),
        (WorkerStartError("no worker"), 4, "no worker\n"),
        (SubsrvError("gone"), 1, "gone\n"),
    ],
)
def test_a_failure_is_told_with_its_detail_and_has_its_status(
    error: SubsrvError,
    status: int,
    told: str,
    supervisor: StubSupervisor,
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor.outcome = failing(error)
    assert cli.main(["m:a"]) == status
    assert capsys.readouterr() == ("", f"subsrv: error: {told}")


def test_the_supervisors_status_is_the_commands(supervisor: StubSupervisor) -> None:
    supervisor.outcome = lambda: 7
    assert cli.main([]) == subsrv.serve() == 7


def test_one_line_says_that_it_is_ready(
    supervisor: StubSupervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    def outcome() -> int:
        supervisor.on_ready("ready http://127.0.0.1:1")
        assert capsys.readouterr() == ("", "subsrv: ready http://127.0.0.1:1\n")
        return 0

    supervisor.outcome = outcome
    assert cli.main([]) == 0


def test_an_interrupt_before_the_start_is_quiet(
    supervisor: StubSupervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.outcome = failing(KeyboardInterrupt())
    assert cli.main([]) == 130
    assert capsys.readouterr() == ("", "")


def command(*argv: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `cwd` and in nothing of this process's environment but PATH."""
    root = Path(subsrv.__file__).parents[1]
    environ = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(root), **environ}
    return subprocess.run(
        [sys.executable, *argv], cwd=cwd, env=environ, capture_output=True, text=True, timeout=60
    )


def test_the_process_ends_with_the_status(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.subsrv]\nmode = 'thred'\n")
    run = command("-m", "subsrv", cwd=tmp_path, SUBSRV_WORKERS="x")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        "subsrv: error: pyproject.toml [tool.subsrv]: mode must be one of interp, nogil, thread, "
        "process, auto, not 'thred', did you mean 'thread'?; "
        "SUBSRV_WORKERS must be a whole number, not 'x'\n"
    )


def test_what_nobody_foresaw_has_its_traceback_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(
        "import sys, types\n"
        "module = sys.modules['subsrv.supervisor'] = types.ModuleType('subsrv.supervisor')\n"
        "module.Supervisor = lambda config, on_ready: 1 / 0\n"
        "from subsrv.cli import main\n"
        "sys.exit(main([]))\n"
    )
    run = command("run.py", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("Traceback")
    assert run.stderr.endswith("ZeroDivisionError: division by zero\n")


# The Python entry.


def test_serve_takes_fields_of_config_and_nothing_else(
    supervisor: StubSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBSRV_WORKERS", "9")
    assert subsrv.serve("m:a", bind="a:1,b:2", limit_body="1k", threads=2) == 0
    (config,) = supervisor.configs
    assert (config.app, config.bind, config.limit_body) == ("m:a", ("a:1", "b:2"), 1024)
    assert (config.threads, config.workers) == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"wokers": 1}, "unknown setting 'wokers', did you mean 'workers'?"),
        ({"workers": -1}, "workers must be 0 or more, not -1"),
        ({"app_dir": "no/where"}, "app-dir must be a folder that exists, not 'no/where'"),
        ({"app": 5}, "app must be module:attribute, not 5: every isolate imports it for itself"),
    ],
)
def test_serve_raises_for_a_bad_argument(
    arguments: dict[str, Any], told: str, supervisor: StubSupervisor
) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(told)}$"):
        subsrv.serve(**arguments)


def test_serve_tells_any_other_failure_and_returns_its_status(
    supervisor: StubSupervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.outcome = failing(AppLoadError("no app"))
    assert subsrv.serve("m:a") == 3
    assert capsys.readouterr() == ("", "subsrv: error: no app\n")


# What a person reads.


@pytest.fixture
def help_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PYTHON_COLORS", "0")
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_the_help_shows_each_option_with_its_default_once(help_text: str) -> None:
    flat = " ".join(help_text.split())
    for name, option in OPTIONS.items():
        assert f" {flag(name)}" in flat
        assert option.help in flat
        assert all(choice in flat for choice in option.choices)
    silent = {name for name, option in OPTIONS.items() if option.default in (None, ())}
    in_words = {name for name in silent if "(default: " in OPTIONS[name].help}
    silent -= {"forwarded_allow_ips"}  # it says "none"
    assert flat.count("(default: ") == len(OPTIONS) - len(silent) + len(in_words)
    for default in ("127.0.0.1:8080", "8k", "1g", "0", "on", "off", "20", "interp", "1024"):
        assert f"(default: {default})" in flat


def test_the_help_fits_four_screens(help_text: str) -> None:
    lines = help_text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 235


def test_the_help_shows_environment_file_statuses_and_examples(help_text: str) -> None:
    for text in ("SUBSRV_WORKERS=4", "[tool.subsrv]", "Exit status:", "Examples:", "Modes:"):
        assert text in help_text


def test_the_version_names_the_python_and_its_build(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    python = ".".join(map(str, sys.version_info[:3]))
    build = "free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "GIL"
    out = capsys.readouterr().out
    assert out.startswith(f"subsrv {subsrv.__version__} (CPython {python}")
    assert out.endswith(f", {build} build)\n")
