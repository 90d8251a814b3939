"""The newer studies: a launch of each, as --quick has them, and the page made of it."""

import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from experiments import studies
from experiments.apps import objects, objects_apart
from experiments.harness import metrics, pages, study
from experiments.harness.configuration import Timing
from experiments.harness.cpus import split
from experiments.harness.data import Data
from experiments.harness.interpreters import Interpreter, Interpreters, probe
from experiments.harness.launch import launch
from experiments.harness.wrk import Wrk
from subsrv.bench import wrk


class _Running(Interpreters):
    """Has the interpreter of the tests in every place."""

    def get(self, leg: str, env: Mapping[str, str] | None = None) -> Interpreter:
        return probe(sys.executable, env)


_LAUNCHED = {
    "latency": "hello thread 1000/s",
    "mixed": "thread 2 mixed",
    "shared_state": "counter interp-t 2",
    "gc": "thread 3.14",
    "forks": "hello process-fork",
    "versions": "hello t",
}


@pytest.fixture(scope="module")
def pages_by_study() -> dict[str, Future[str]]:
    """The pages of the launches, all under way at once: most of their time is waiting."""
    with ThreadPoolExecutor(len(_LAUNCHED)) as threads:
        return {name: threads.submit(_page, name, label) for name, label in _LAUNCHED.items()}


def _page(name: str, label: str) -> str:
    """The page made of one launch; "" where its client is not installed."""
    each = studies.get(name)
    configuration = next(one for one in study.chosen(each, each.defaults()) if one.label == label)
    if isinstance(configuration.load, Wrk) and not wrk.installed():
        return ""
    recording = study.begin(each, {**each.defaults(), "only": [label], "seed": 1}, split())
    found = launch(
        configuration,
        number=1,
        round_=1,
        timing=Timing(warm_up=0, values=1, seconds=1),
        interpreters=_Running(),
        split=split(),
    )
    assert found.failure == ""
    recording.launches.append(found)
    build = probe(sys.executable)
    recording.builds = {str(found.metadata["python_build"]): build.facts}
    data = Data(recording)
    assert data.figure(label, metrics.CPU) is not None
    return pages.page(each, data)


@pytest.mark.parametrize("name", _LAUNCHED)
def test_a_launch(name: str, pages_by_study: dict[str, Future[str]]) -> None:
    text = pages_by_study[name].result()
    if not text:
        pytest.skip("wrk is not installed")
    row = next(line for line in text.splitlines() if line.startswith(f"| {_LAUNCHED[name]} "))
    assert "failed" not in row


class _Get:
    method = "GET"


@pytest.mark.parametrize("name", ["nothing", "counter", "table", "router", "logger", "template"])
@pytest.mark.parametrize("module", [objects, objects_apart])
def test_handlers_of_objects(module: object, name: str) -> None:
    assert getattr(module, name)(_Get()) == objects.DONE


def test_a_copy_of_the_module_shares_nothing() -> None:
    before = objects._counter.value
    objects_apart.counter(_Get())
    assert objects._counter.value == before
