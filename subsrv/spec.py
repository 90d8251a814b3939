"""What one worker needs to know, as one string: the only thing that crosses into an isolate."""

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple, Self, cast

if TYPE_CHECKING:
    from subsrv.config import Config


class Spec(NamedTuple):
    """The configuration and the descriptors of one worker.

    Every descriptor here is this worker's own to close, a copy that the backend made: closing an
    interpreter closes what its socket objects own, and a listening socket that any process still
    holds open goes on queueing connections while the workers drain. So a worker takes all of them
    over first of all, before anything can fail.

    What `loads` gives has a plain namespace for its `config`. That has been checked by whoever
    wrote it, and the class, with its rules and its help, would cost each isolate 0.7 MB.
    """

    config: "Config"
    worker: int
    listeners: tuple[int, ...]
    control: int
    #: With --accept fair: what `subsrv.fair` needs.
    handover: tuple[int, ...] = ()

    @property
    def copied(self) -> tuple[int, ...]:
        """The descriptors of which each worker has copies; `control` is its alone."""
        return self.listeners + self.handover

    def dumps(self) -> str:
        """The inverse of `loads`."""
        return json.dumps({**self._asdict(), "config": json.loads(self.config.dumps())})

    @classmethod
    def loads(cls, text: str) -> Self:
        """The inverse of `dumps`, but for the type of `config`."""
        fields = json.loads(text)
        fields["config"] = cast("Config", SimpleNamespace(**fields["config"]))
        for name in ("listeners", "handover"):
            fields[name] = tuple(fields[name])
        return cls(**fields)
