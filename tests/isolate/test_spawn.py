"""The life of an isolate, from the outside."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isolate import entries
from subsrv import isolate
from subsrv.errors import ConfigError
from subsrv.isolate import (
    IsolateDiedError,
    NotSendableError,
    PortClosedError,
    ReceivePort,
    RemoteError,
    RemoteTraceback,
)

WAIT = 20.0


def test_an_isolate_is_what_it_says(kind: str) -> None:
    with ReceivePort() as port, isolate.spawn(entries.who, port.send_port, kind=kind) as child:
        there, name, identity = port.receive_sync(timeout=WAIT)
        here = entries.identity()
        assert (there, name) == (kind, child.name)
        assert child.join_sync(timeout=WAIT).reason == "done"
    same = {name for name in here if here[name] == identity[name]}
    assert (
        same
        == {
            "interp": {"pid"},
            "thread": {"pid", "interpreter"},
            "nogil": {"pid", "interpreter"},
            "process": {"interpreter"},
        }[kind]
    )
    assert isolate.kind == "main"


def in_main() -> None: ...


class Thing:
    def method(self) -> None: ...


def test_an_entry_without_a_name_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def local() -> None: ...

    for entry, reason in [
        (lambda: None, "a lambda"),
        (local, "local to a function"),
        (Thing().method, "is not what that name means"),
    ]:
        with pytest.raises(NotSendableError, match=f"{reason}.*at the top of a module"):
            isolate.spawn(entry)
    monkeypatch.setattr(in_main, "__module__", "__main__")
    with pytest.raises(NotSendableError, match="move it to a module"):
        isolate.spawn(in_main)
    with pytest.raises(NotSendableError, match="module:qualname"):
        isolate.spawn("nothing")


def test_arguments_that_cannot_be_sent_are_refused() -> None:
    with pytest.raises(NotSendableError, match="lock"):
        isolate.spawn(entries.boom, threading.Lock())


def test_a_kind_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be one of interp, nogil, thread, process"):
        isolate.spawn(entries.boom, kind="fibre")


@pytest.mark.skipif(not sys._is_gil_enabled(), reason="nogil can be had here")
def test_nogil_is_refused_with_a_gil() -> None:
    with pytest.raises(ConfigError, match="free-threaded"):
        isolate.spawn(entries.boom, kind="nogil")


def test_an_error_arrives_with_its_traceback(kind: str) -> None:
    with ReceivePort() as errors, ReceivePort() as exits:
        child = isolate.spawn(
            entries.boom, kind=kind, on_error=errors.send_port, on_exit=exits.send_port
        )
        how = child.join_sync(timeout=WAIT)
        assert how.reason == "error"
        assert isinstance(how.error, ValueError)
        assert isinstance(how.error.__cause__, RemoteTraceback)
        assert "in boom" in str(how.error.__cause__)
        name, text, trace = errors.receive_sync(timeout=WAIT)
        assert (name, text) == ("ValueError", "boom")
        assert "in boom" in trace
        assert exits.receive_sync(timeout=WAIT) == (child.name, "error")
        child.add_exit_listener(exits.send_port)
        assert exits.receive_sync(timeout=WAIT) == (child.name, "error")


def test_an_error_that_cannot_cross_arrives_as_text(kind: str) -> None:
    how = isolate.spawn(entries.boom_unpicklable, kind=kind).join_sync(timeout=WAIT)
    assert isinstance(how.error, RemoteError)
    assert str(how.error).endswith("Unpicklable: odd")
    assert "in boom_unpicklable" in (how.error.detail or "")


def test_an_exit_ends_the_isolate_alone(kind: str) -> None:
    how = isolate.spawn(entries.leave, kind=kind).join_sync(timeout=WAIT)
    assert (how.reason, repr(how.error)) == ("error", "SystemExit(3)")


def test_an_entry_that_does_not_load_is_an_error(kind: str) -> None:
    how = isolate.spawn("isolate.nowhere:entry", kind=kind).join_sync(timeout=WAIT)
    assert isinstance(how.error, ModuleNotFoundError)
    how = isolate.spawn(entries.boom, entries.Weird(), kind=kind).join_sync(timeout=WAIT)
    assert isinstance(how.error, isolate.NotReceivableError)


def test_a_process_may_die_alone() -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.crash, port.send_port, kind="process")
        how = child.join_sync(timeout=WAIT)
        assert how.reason == "died"
        assert str(how.error) == f"isolate {child.name} died: exit status 7"


@pytest.mark.parametrize(
    ("entry", "priority"),
    [
        (entries.wait, "stop"),
        (entries.wait_async, "stop"),
        (entries.wait_async, "raise"),
        (entries.spin, "raise"),
        (entries.spin_async, "raise"),
        (entries.spin, "signal"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_an_isolate_can_be_killed(kind: str, entry: Callable[..., Any], priority: Any) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entry, port.send_port, kind=kind)
        assert port.receive_sync(timeout=WAIT) == "started"
        child.kill(priority)
        how = child.join_sync(timeout=WAIT)
        by_signal = (kind, priority) == ("process", "signal")
        assert how.reason == ("died" if by_signal else "killed")
        if (entry, priority) == (entries.wait_async, "stop"):
            assert port.receive_sync(timeout=WAIT) == "cleaned up"
        child.kill("raise")  # when it has ended: nothing
        assert child.ended


def test_killed_while_it_waits_to_send(kind: str) -> None:
    with ReceivePort() as port, ReceivePort(buffer=8192) as full:
        child = isolate.spawn(entries.wait_to_send, port.send_port, full.send_port, kind=kind)
        assert port.receive_sync(timeout=WAIT) == "started"
        child.kill()
        assert child.join_sync(timeout=WAIT).reason == "killed"


def test_an_isolate_that_refuses_is_killed_again(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.spin_in_vain, port.send_port, kind=kind)
        assert port.receive_sync(timeout=WAIT) == "started"
        child.kill("raise")
        assert port.receive_sync(timeout=WAIT) == "refused"
        child.kill("raise")
        assert child.join_sync(timeout=WAIT).reason == "killed"


def test_ending_grows_harder(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.spin, port.send_port, kind=kind)
        assert port.receive_sync(timeout=WAIT) == "started"
        assert child.end_sync(grace=0.1).reason == "killed"


def test_structured_use_leaks_nothing(kind: str) -> None:
    async def main() -> None:
        with ReceivePort() as port:
            async with isolate.spawn(entries.wait_async, port.send_port, kind=kind) as child:
                assert await port.receive() == "started"
            assert child.ended
            assert (await child.join()).reason == "killed"

            with pytest.raises(ValueError, match="boom"):
                async with isolate.spawn(entries.boom, kind=kind) as child:
                    await child.join()

            with pytest.raises(KeyError):
                async with isolate.spawn(entries.wait, port.send_port, kind=kind) as child:
                    raise KeyError
            assert child.ended

    entries.bounded(main())


def test_a_paused_isolate_begins_when_it_is_resumed(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.who, port.send_port, kind=kind, paused=True)
        child.ping_sync(timeout=WAIT)
        child.ping_sync(timeout=WAIT)
        with pytest.raises(BlockingIOError):
            port.receive_nowait()
        child.resume()
        assert port.receive_sync(timeout=WAIT)[0] == kind
        assert child.join_sync(timeout=WAIT).reason == "done"


def test_a_paused_isolate_can_be_killed(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.who, port.send_port, kind=kind, paused=True)
        child.kill()
        assert child.join_sync(timeout=WAIT).reason == "killed"


@pytest.mark.parametrize("echo", [entries.echo, entries.echo_async])
def test_a_paused_isolate_receives_nothing(kind: str, echo: Callable[..., Any]) -> None:
    with ReceivePort() as port, isolate.spawn(echo, port.send_port, kind=kind) as child:
        there = port.receive_sync(timeout=WAIT)
        there.send_sync(0)
        assert port.receive_sync(timeout=WAIT) == 0
        child.pause()
        child.ping_sync(timeout=WAIT)
        # It waits already, so one message may pass.
        there.send_many([1, 2, 3])
        child.ping_sync(timeout=WAIT)
        child.resume()
        assert [port.receive_sync(timeout=WAIT) for _ in range(3)] == [1, 2, 3]


def test_errors_in_a_loop(kind: str) -> None:
    for fatal in (True, False):
        with ReceivePort() as port, ReceivePort() as errors:
            child = isolate.spawn(
                entries.stumble,
                port.send_port,
                kind=kind,
                on_error=errors.send_port,
                errors_are_fatal=fatal,
            )
            port.send_port.close()
            how = child.join_sync(timeout=WAIT)
            assert how.reason == ("error" if fatal else "done")
            assert list(port) == ([] if fatal else ["still here"])
            assert errors.receive_sync(timeout=WAIT)[:2] == ("ValueError", "in a callback")


def test_an_entry_may_be_a_name_and_ping_says_when_it_has_ended(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn("isolate.entries:who", port.send_port, kind=kind, name="bob")
        assert port.receive_sync(timeout=WAIT)[1] == "bob"
        assert child.join_sync(timeout=WAIT).reason == "done"
        assert repr(child) == f"<Isolate bob kind={kind} done>"
        with pytest.raises(IsolateDiedError):
            child.ping_sync(timeout=WAIT)
        with pytest.raises(IsolateDiedError):
            asyncio.run(child.ping())
        with pytest.raises(PortClosedError):
            child.pause()


def test_isolates_have_isolates(kind: str) -> None:
    with ReceivePort() as port:
        child = isolate.spawn(entries.nested, port.send_port, kind=kind)
        assert port.receive_sync(timeout=WAIT) == (kind, kind)
        assert child.join_sync(timeout=WAIT).reason == "done"


SCRIPT = """
import sys
from isolate import entries
from subsrv import isolate

if __name__ == "__main__":
    port = isolate.ReceivePort()
    isolate.spawn(entries.wait, port.send_port, kind=sys.argv[1])
    assert port.receive_sync(timeout=20) == "started"
"""


def test_a_program_ends_with_isolates_left(kind: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), kind],
        env={"PYTHONPATH": f"{root}:{root / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_orphaned_process_ends(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    kill_me = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    script.write_text(SCRIPT + "    port.send_port.close()\n    " + kill_me)
    root = Path(__file__).parents[2]
    # The child inherits standard output, and so holds it until it ends.
    done = subprocess.run(
        [sys.executable, str(script), "process"],
        env={"PYTHONPATH": f"{root}:{root / 'tests'}"},
        stdout=subprocess.PIPE,
        timeout=WAIT,
        check=False,
    )
    assert done.returncode == -9
