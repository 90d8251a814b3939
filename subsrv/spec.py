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
    #: Where it is reached when its loop does not turn (see rescue.py); -1 where nobody would.
    rescue: int = -1
    #: With --accept fair: what `subsrv.fair` needs.
    handover: tuple[int, ...] = ()
    #: When it is ready, it waits for "accept": it takes over from workers that serve until then.
    held: bool = False

    @property
    def copied(self) -> tuple[int, ...]:
        """The descriptors of which each worker has copies."""
        return self.listeners + self.handover

    @property
    def channels(self) -> tuple[int, ...]:
        """The descriptors that lead to the supervisor, which are this worker's alone."""
        return (self.control,) if self.rescue < 0 else (self.control, self.rescue)

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
