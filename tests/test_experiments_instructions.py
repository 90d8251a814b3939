"""What callgrind's files say, what has grown, and a few requests that are really counted."""

import shutil
import sys
from pathlib import Path

import pytest

from experiments.harness.interpreters import Interpreter
from experiments.instructions import baseline, callgrind, counting, report, traffic
from experiments.instructions.baseline import Change
from experiments.instructions.browsers import varied
from experiments.instructions.callgrind import Counts
from subsrv.http1 import HeadParser, Limits

FILE = """# callgrind format
version: 1
part: 2
desc: Trigger: --dump-before=getpriority
events: Ir
summary: 643609

ob=(1) /lib/libpython3.so
fl=(1) ???
fn=(5) _PyEval_EvalFrameDefault
0 7
cob=(2) /lib/libc.so.6
cfi=(2) ???
cfn=(8) send
calls=3 0
0 30
cfn=(9) memcpy
calls=90 0
0 90

fn=(8)
0 30

fn=(6) other
cfn=(8)
calls=2 0
0 20
cfn=(10) recv
calls=5 0
0 20
"""

FACTS = {"version": "3.99.0", "free_threaded": False, "compiler": "GCC 1", "configure": []}


def test_a_file_of_callgrinds() -> None:
    assert callgrind.parse(FILE) == Counts(643609, {"send": 5, "recv": 5})


def test_a_file_without_a_total() -> None:
    with pytest.raises(ValueError, match="without a total"):
        callgrind.parse("events: Ir\n")


def test_the_cost_of_one_request() -> None:
    each = (Counts(1000, {"send": 12, "read": 2}) - Counts(200, {"read": 2})) / 4
    assert each == Counts(200, {"send": 3, "read": 0})


def test_where_there_is_no_valgrind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    python = Interpreter("python", {**FACTS, "jit": False})
    assert report.report(python) == 0
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "apt-get install valgrind" in err


@pytest.mark.parametrize(
    ("instructions", "calls", "faults"),
    [
        (1000, {"send": 1.0}, []),
        (1050, {"send": 1.0}, []),
        (900, {}, []),
        (1051, {"send": 1.0}, ["5.1% more than the 1,000 of before"]),
        (1000, {"send": 2.0}, ["send 2.00 times a request, before 1.00"]),
        (1000, {"send": 1.0, "recv": 0.5}, ["recv 0.50 times a request, before 0.00"]),
        (2000, {"send": 1.5}, ["100.0% more", "send 1.50 times"]),
    ],
)
def test_what_is_dearer_than_before(
    instructions: int, calls: dict[str, float], faults: list[str]
) -> None:
    change = Change("asgi hello", Counts(instructions, calls), Counts(1000, {"send": 1.0}))
    assert len(change.faults) == len(faults)
    for found, wanted in zip(change.faults, faults, strict=True):
        assert found.startswith("asgi hello: ")
        assert wanted in found


def test_a_path_that_is_new_is_no_fault() -> None:
    (change,) = baseline.compare({"new": Counts(10, {})}, {})
    assert change.faults == []
    assert "new" in baseline.table([change]).text()


def test_counts_are_kept_by_build(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    assert baseline.read(file) == {}
    baseline.write("a", {"x": Counts(10.4, {"send": 1.004, "epoll_wait": 0.016})}, file)
    baseline.write("b", {"x": Counts(20, {})}, file)
    baseline.write("a", {"y": Counts(30, {})}, file)
    x = Counts(10, {"send": 1.0})
    assert baseline.read(file) == {"a": {"x": x, "y": Counts(30, {})}, "b": {"x": Counts(20, {})}}


def test_a_build_is_told_from_others() -> None:
    facts = {**FACTS, "jit": False, "packages": {"flask": "1"}}
    name = baseline.build(facts, "valgrind-1")
    assert name == baseline.build({**facts, "packages": {}}, "valgrind-1")
    others = [baseline.build({**facts, "jit": True}, "valgrind-1"), baseline.build(facts, "v-2")]
    assert len({name, *others}) == 3


def test_what_is_kept_is_of_the_paths_there_are() -> None:
    names = {way.name for way in traffic.PATHS}
    assert baseline.read()
    for paths in baseline.read().values():
        assert paths.keys() == names


def test_every_request_is_one_and_those_of_browsers_differ() -> None:
    heads = [varied(number) for number in range(500)]
    assert len({head.partition(b" HTTP")[0] for head in heads}) == 500
    parser = HeadParser(Limits())
    for head in heads[:100]:
        request = parser.parse(head, len(head) - 4)
        assert dict(request.headers).keys() >= {b"host", b"user-agent", b"referer", b"cookie"}
        assert 10 <= len(request.headers) <= 15


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not there")
def test_counting() -> None:
    (way,) = (way for way in traffic.PATHS if way.name == "native hello")
    with counting.started(sys.executable, "native") as worker:
        first, second = worker.count(way), worker.count(way)
    assert first.system_calls["recv"] == first.system_calls["send"] == 1
    assert 1000 < first.instructions < 100_000
    assert abs(first.instructions - second.instructions) < first.instructions * baseline.TOLERANCE
