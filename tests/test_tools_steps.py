"""Steps run at once, are shown one by one, and end in any case."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools import steps
from tools.environment import ROOT, Environment
from tools.pythons.interpreter import Interpreter
from tools.steps import Step

HERE = Environment(
    Path(sys.prefix),
    Interpreter(Path(sys.executable), "3.14.2", free_threaded=False, origin="a test"),
)

# Two that say the same name meet there.
MEET = """
import os, sys
def meet(name):
    try:
        os.mkfifo(name)
    except FileExistsError:
        open(name).close()
    else:
        open(name, "w").close()
def say(*words):
    print(*words, flush=True)
"""


def step(name: str, code: str) -> Step:
    return Step(name, HERE, ("-W", "ignore", "-c", MEET + code))


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not end by itself, because it is broken, ends soon."""
    monkeypatch.setattr(steps, "_TIMEOUT", 30.0)


def test_two_run_at_once_and_their_lines_stay_apart(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = f"""
name = sys.argv[1]
say("begin", name)
meet({str(tmp_path / "one")!r})
say("middle", name)
meet({str(tmp_path / "two")!r})
print("end", name, end="")
"""
    todo = [Step(name, HERE, (*step(name, code).words, name)) for name in ("left", "right")]
    results, signalled = steps.run(todo, jobs=2)
    assert [(each.step, each.passed, each.said) for each in results] == [
        ("left", True, "end left"),
        ("right", True, "end right"),
    ]
    assert signalled == 0
    out = capfd.readouterr().out
    assert _without_times(out) == "".join(
        f"\n==== {name} on 3.14.2 ====\n"
        f"begin {name}\nmiddle {name}\nend {name}\n---- {name} ended after 0 s\n"
        for name in ("left", "right")
    )


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_as_many_run_at_once_as_there_are_jobs(jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    live = []
    most = []

    class Counted(steps._Running):
        def __init__(self, step: Step) -> None:
            super().__init__(step)
            live.append(self)
            most.append(len(live))

        def close(self) -> None:
            super().close()
            live.remove(self)

    monkeypatch.setattr(steps, "_Running", Counted)
    results, _ = steps.run([step(name, "") for name in "abcde"], jobs=jobs)
    assert [each.step for each in results] == [*"abcde"]
    assert max(most) == jobs


def test_results_come_in_the_order_asked_for(tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    todo = [
        step("slow", f"meet({gate!r}); say('two errors'); sys.exit(1)"),
        step("quick", "say('==== fine ====')"),
        step("last", f"meet({gate!r})"),
    ]
    results, _ = steps.run(todo, jobs=2)
    assert [(each.step, each.passed, each.said) for each in results] == [
        ("slow", False, "two errors"),
        ("quick", True, "fine"),
        ("last", True, ""),
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_first_that_is_not_over_is_seen_live(jobs: int, tmp_path: Path) -> None:
    gates = {name: str(tmp_path / name) for name in ("one", "two")}
    todo = [
        step(name, f"say('begin', {name!r}); meet({gate!r}); say('end', {name!r})")
        for name, gate in gates.items()
    ]
    with running(todo, jobs=jobs) as it:
        assert it.stdout is not None
        for name, gate in gates.items():
            assert it.stdout.readline() == "\n"
            assert it.stdout.readline().startswith(f"==== {name} on 3.14.2")
            assert it.stdout.readline() == f"begin {name}\n"
            _meet(gate)
            assert it.stdout.readline() == f"end {name}\n"
            assert it.stdout.readline().startswith(f"---- {name} ended after ")
        assert it.stdout.read().count("passed=True") == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_lets_the_steps_clean_up_and_runs_no_other(
    number: signal.Signals, tmp_path: Path
) -> None:
    gates = [str(tmp_path / name) for name in ("a", "b")]
    todo = [
        step(gate[-1], f"try: meet({gate!r}); os.read(os.pipe()[0], 1)\nfinally: say('cleaned up')")
        for gate in gates
    ]
    with running([*todo, step("c", "say('never')")], jobs=2) as it:
        for gate in gates:
            _meet(gate)
        it.send_signal(number)
        assert it.stdout is not None
        out = it.stdout.read()
    assert out.count("cleaned up\n") == 2
    assert out.count("KeyboardInterrupt\n") == 2
    assert "never" not in out
    for name in ("a", "b"):
        assert f"Result(step='{name}', passed=False, said='interrupted'" in out
    assert "Result(step='c', passed=False, said='not run'" in out
    assert out.endswith(f"signal {number.value}\n")


def test_a_second_interrupt_waits_for_nothing(tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    stubborn = (
        f"import signal; signal.signal(signal.SIGINT, lambda *_: say('no'))\n"
        f"say(os.getpid()); meet({gate!r})\nwhile True: os.read(os.pipe()[0], 1)"
    )
    with running([step("stubborn", stubborn)], jobs=1) as it:
        assert it.stdout is not None
        assert it.stdout.readline() == "\n"
        assert it.stdout.readline().startswith("==== stubborn")
        pid = int(it.stdout.readline())
        _meet(gate)
        it.send_signal(signal.SIGINT)
        assert it.stdout.readline() == "\n"
        assert it.stdout.readline().startswith("---- interrupted")
        assert it.stdout.readline() == "no\n"
        it.send_signal(signal.SIGINT)
        assert "said='interrupted'" in it.stdout.read()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_does_not_heed_the_interrupt_is_killed(tmp_path: Path) -> None:
    """Even where the output stays open, in a session of which nothing is known."""
    gate, pid_file = str(tmp_path / "gate"), tmp_path / "pid"
    stubborn = (
        "import signal, subprocess; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "other = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(pid_file)!r}, 'w').write(str(other.pid)); meet({gate!r})\n"
        "os.read(os.pipe()[0], 1)"
    )
    with running([step("stubborn", stubborn)], jobs=2, grace=0.1) as it:
        _meet(gate)
        it.send_signal(signal.SIGINT)
        assert it.stdout is not None
        try:
            assert "said='interrupted'" in it.stdout.read()
        finally:
            os.kill(int(pid_file.read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.Popen(['sleep', '600'])",
        "os.closerange(1, 3); os.read(os.pipe()[0], 1)",
    ],
    ids=["ends and leaves its output to another", "closes its output and goes on"],
)
def test_what_takes_too_long_is_ended(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_TIMEOUT", 0.5)
    (result,), _ = steps.run([step("endless", code)], jobs=2)
    assert (result.passed, result.said) == (False, "took longer than 0.5 s")


def test_what_a_step_leaves_running_ends_with_it(capfd: pytest.CaptureFixture[str]) -> None:
    leak = "import subprocess; say(subprocess.Popen(['sleep', '600'], stdout=-3, stderr=-3).pid)"
    (result,), _ = steps.run([step("leaky", leak)], jobs=1)
    assert result.passed
    assert _ended(int(result.said))


@contextmanager
def running(todo: list[Step], *, jobs: int, grace: float = 30.0) -> Iterator[subprocess.Popen[str]]:
    """steps.run in a process of its own, which prints the results, then the signal."""
    words = [(each.name, each.words) for each in todo]
    code = f"""
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup, and then not waited for
sys.path[:0] = {[str(ROOT), str(ROOT / "tests")]!r}
from tools import steps
from test_tools_steps import HERE, Step
steps._GRACE = {grace}
results, signalled = steps.run([Step(n, HERE, w) for n, w in {words!r}], jobs={jobs})
print(*results, sep="\\n")
print("signal", signalled)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, text=True) as process:
        try:
            yield process
            assert process.wait(30) == 0
        finally:
            process.kill()


def _without_times(out: str) -> str:
    return re.sub(r"after \d+ s", "after 0 s", re.sub(r", begun \d+ s ago", "", out))


def _ended(pid: int) -> bool:
    """Whether a process ends; one that is nobody's child any more is reaped in its own time."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.001)
    return False


def _meet(gate: str) -> None:
    """The test's side of a meeting."""
    try:
        os.mkfifo(gate)
    except FileExistsError:
        Path(gate).read_text()
    else:
        Path(gate).write_text("")


def test_bytecode_is_kept_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    [result], _ = steps.run([step("one", "say(sys.dont_write_bytecode)")], jobs=1)
    assert result.said == "False"
