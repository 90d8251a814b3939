"""What the comparison is to show: targets of subsrv beside its peers, one worker each.

They were set before the server was tuned. A target that was missed stands in the same table as one
that was met; so does one whose peer failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.harness import metrics
from experiments.harness.data import Data
from experiments.harness.study import Target

#: Facts of one configuration: the workload and the server.
type _Place = tuple[str, str]

_UVICORN = ("uvicorn-zttp", "uvicorn-httptools")
_NATIVE, _ASGI, _WSGI = "subsrv-native", "subsrv-asgi", "subsrv-wsgi"
_MOVING = ("articles", "echo", "upload", "stream")


@dataclass(frozen=True, slots=True)
class _Aim:
    """What a request may cost, as a ratio to the cheapest of some others.

    Attributes:
      others: the others; of several the cheapest counts, and `group` names them.
      speed: the ratio is that of requests per CPU second, and the limit the least it may be.
    """

    ours: _Place
    others: tuple[_Place, ...]
    limit: float
    group: str = ""
    speed: bool = False


def _beside(
    workload: str, ours: str, *peers: str, limit: float, group: str = "", speed: bool = False
) -> _Aim:
    others = tuple((workload, peer) for peer in peers)
    return _Aim((workload, ours), others, limit, group, speed)


def _moving(workload: str) -> tuple[_Aim, ...]:
    """Where bodies are the point: ahead of uvicorn and granian, not far from fastpysgi."""
    return (
        _beside(workload, _ASGI, *_UVICORN, limit=1.0, group="the best uvicorn"),
        _beside(workload, _ASGI, "granian-asgi", limit=1.0),
        _beside(workload, _ASGI, "fastpysgi-asgi", limit=1.2),
        _beside(workload, _WSGI, "granian-wsgi", limit=1.0),
        _beside(workload, _WSGI, "fastpysgi-wsgi", limit=1.2),
    )


_AIMS = (
    _beside("hello", _NATIVE, "floor", limit=1.35),
    _beside("hello", _NATIVE, "pyronova", limit=0.75),
    _beside("hello", _ASGI, "floor", limit=1.75),
    _beside("hello", _ASGI, "fastpysgi-asgi", limit=0.8),
    _beside("hello", _ASGI, *_UVICORN, limit=0.6, group="the best uvicorn"),
    _beside("hello", _ASGI, "granian-asgi", limit=0.55),
    _beside("hello", _WSGI, "floor", limit=1.75),
    _beside("hello", _WSGI, "fastpysgi-wsgi", limit=1.0),
    _beside("hello", _WSGI, "granian-wsgi", limit=0.4),
    _Aim(("varied", _ASGI), (("hello", _ASGI),), 1.35),
    _beside("varied", _ASGI, "fastpysgi-asgi", limit=0.75),
    _beside("pipelined", _ASGI, "fastpysgi-asgi", limit=1.0, speed=True),
    _beside("limited", _ASGI, "fastpysgi-asgi", limit=1.0),
    *(aim for workload in _MOVING for aim in _moving(workload)),
    _beside("hello", _ASGI, "subsrv-asgi-process", limit=1.03),
)


def targets(data: Data) -> Sequence[Target]:
    """All of them, with what a run has of each: server CPU per request, medians over launches."""
    return [_target(data, aim) for aim in _AIMS]


def _target(data: Data, aim: _Aim) -> Target:
    ours = _label(data, aim.ours)
    labels = {place: label for place in aim.others if (label := _label(data, place))}
    costs = {
        place: cost.value
        for place, label in labels.items()
        if (cost := data.figure(label, metrics.CPU))
    }
    best = min(costs, key=lambda place: costs[place], default=None)
    name = f"{_named(aim, best)}{', requests per CPU second' if aim.speed else ''}"
    if not ours or not labels:
        return Target(name, None, aim.limit, aim.speed)
    if data.failure(ours):
        return Target(name, None, aim.limit, aim.speed, absent="MISSED: subsrv failed")
    if best is None:
        return Target(name, None, aim.limit, aim.speed, absent="peer failed")
    above, below = (labels[best], ours) if aim.speed else (ours, labels[best])
    return Target(name, data.ratio(above, below, metrics.CPU), aim.limit, aim.speed)


def _label(data: Data, place: _Place) -> str:
    workload, peer = place
    return data.one(workload=workload, peer=peer, workers=1)


def _named(aim: _Aim, best: _Place | None) -> str:
    """The target in words; of several others, which one it is."""
    workload, ours = aim.ours
    peer = best or aim.others[0]
    below = " ".join(peer) if peer[0] != workload else peer[1]
    if aim.group:
        below = f"{aim.group}{f' ({below})' if best else ''}"
    return f"{workload}: {ours} / {below}"
