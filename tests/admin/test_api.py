"""The control address without a socket: paths, parameters, and what Prometheus reads."""

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from admin.fakes import FakeSteward, status
from subsrv.admin import api, metrics
from subsrv.admin.api import Answer


def ask(steward: FakeSteward, method: str, target: str) -> Answer:
    got: list[Answer] = []
    path, _, query = target.partition("?")
    api.answer(steward, method, path, query, got.append)
    [answer] = got
    return answer


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_status_is_json(method: str) -> None:
    answer = ask(FakeSteward(), method, "/status")
    assert (answer.status, answer.type) == (200, "application/json")
    assert json.loads(answer.body) == status()


def test_an_answer_may_come_later() -> None:
    steward, got = FakeSteward(), list[Answer]()
    steward.later = []
    api.answer(steward, "GET", "/status", "", got.append)
    assert got == []
    steward.later[0]()
    assert [each.status for each in got] == [200]


@pytest.mark.parametrize(("fit", "code"), [(True, 200), (False, 503)])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_a_status_code(path: str, fit: bool, code: int) -> None:
    steward = FakeSteward()
    steward.fit = fit
    assert ask(steward, "GET", path).status == code


@pytest.mark.parametrize(
    ("target", "done"),
    [("/reload", "reload"), ("/scale?workers=3", "scale 3"), ("/drain?worker=0", "drain 0")],
)
def test_an_action_is_begun_or_refused(target: str, done: str) -> None:
    steward = FakeSteward()
    assert ask(steward, "POST", target) == Answer(202, "text/plain; charset=utf-8", b"begun\n")
    assert steward.done == [done]
    steward.refusal = "not now"
    answer = ask(steward, "POST", target)
    assert (answer.status, answer.body) == (409, b"not now\n")
    assert ask(steward, "GET", target).status == 405
    assert steward.done == [done, done]


@pytest.mark.parametrize(
    "target",
    [
        *("/scale", "/scale?workers=0", "/scale?workers=-1", "/scale?workers=1025"),
        *("/scale?workers=1&workers=2", "/scale?workers=two", "/scale?workers=²", "/drain?worker="),
    ],
)
def test_a_bad_parameter_does_nothing(target: str) -> None:
    steward = FakeSteward()
    answer = ask(steward, "POST", target)
    assert answer.status == 400
    assert b"worker" in answer.body
    assert steward.done == []


def test_an_unknown_path_is_told_what_there_is() -> None:
    answer = ask(FakeSteward(), "GET", "/")
    assert answer.status == 404
    assert b"/status" in answer.body


def test_stacks_are_text() -> None:
    assert ask(FakeSteward(), "POST", "/stacks").body == b"a stack\n"


def test_prometheus_reads_the_metrics() -> None:
    answer = ask(FakeSteward(), "GET", "/metrics")
    assert answer.type == "text/plain; version=0.0.4; charset=utf-8"
    families = {each.name: each for each in text_string_to_metric_families(answer.body.decode())}
    requests = {each.labels["worker"]: each.value for each in families["subsrv_requests"].samples}
    assert requests == {"0": 7, "1": 0}
    [refused, _] = families["subsrv_requests_refused"].samples
    assert (refused.labels, refused.value) == ({"worker": "0", "status": "400"}, 1)
    states = {each.labels["state"]: each.value for each in families["subsrv_workers"].samples}
    assert states == {"ready": 1, "draining": 1}
    assert all(family.documentation for family in families.values())
    duration = families["subsrv_request_duration_seconds"]
    assert duration.type == "histogram"
    buckets = [
        each.value
        for each in duration.samples
        if each.name.endswith("_bucket") and each.labels["worker"] == "0"
    ]
    assert buckets == sorted(buckets)
    assert buckets[0] == 1  # a bound is included
    assert buckets[-2:] == [2, 3]
    sums = {each.name: each.value for each in duration.samples if each.labels["worker"] == "0"}
    assert sums["subsrv_request_duration_seconds_count"] == 3
    assert sums["subsrv_request_duration_seconds_sum"] == pytest.approx(60.2001)


def test_labels_are_escaped() -> None:
    text = metrics.text(status(version='1"\\\n'))
    [info] = [each for each in text_string_to_metric_families(text) if each.name == "subsrv_info"]
    assert info.samples[0].labels["version"] == '1"\\\n'
