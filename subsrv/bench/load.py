"""What a load is, and what comes of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from subsrv.bench.latency import Latencies
from subsrv.bench.requests import Request
from subsrv.errors import SubsrvError


class LoadError(SubsrvError):
    """A load could not be put on the server at all."""


class Fault(StrEnum):
    """How a request can fail."""

    CONNECT = "connect"
    RESET = "reset"
    TIMEOUT = "timeout"
    STATUS = "status"
    MALFORMED = "malformed"
    CONTENT = "content"


class Check(StrEnum):
    """What an answer must have in common with the first answer to the same request."""

    STATUS = "status"
    LENGTH = "length"
    BODY = "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to put on a server; times in seconds.

    Attributes:
      requests: sent in turn, over and over.
      connections: kept open all the time, and opened again where the server closes them.
      duration: how long requests are sent; answers to those are awaited afterwards.
      rate: requests a second in open loop; None is closed loop.
      timeout: from when a request was due (open loop) or sent (closed loop).
      count: end after so many requests at the latest; None: whatever the duration allows.
    """

    requests: Sequence[Request] = (Request(),)
    connections: int = 64
    duration: float = 10.0
    rate: float | None = None
    timeout: float = 10.0
    check: Check = Check.LENGTH
    count: int | None = None


@dataclass(slots=True, kw_only=True)
class Result:
    """What a load met with; `seconds` is from the first request to the last answer or `duration`.

    Attributes:
      sent: requests begun. In open loop those that timed out before their turn are among them.
      answered: those with the right answer. `latencies` has these, and the ones that timed out
        with the time they had waited, so that a percentile is never better than the truth.
      lag: how late the client itself was in sending, where a connection was free for the request
        (nanoseconds; open loop only).
      examples: what the first failures said.
    """

    sent: int = 0
    answered: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    latencies: Latencies = field(default_factory=Latencies)
    lag: Latencies = field(default_factory=Latencies)
    bytes_read: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    interrupted: bool = False
