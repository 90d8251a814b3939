"""What one worker needs to know, as one string: the only thing that crosses into an isolate."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Self

from subsrv.config import Config


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """The configuration and the descriptors of one worker.

    Every descriptor here is this worker's own to close, a copy that the backend made: closing an
    interpreter closes what its socket objects own, and a listening socket that any process still
    holds open goes on queueing connections while the workers drain. So a worker takes all of them
    over first of all, before anything can fail.
    """

    config: Config
    index: int
    listeners: tuple[int, ...]
    control: int

    def dumps(self) -> str:
        """The inverse of `loads`."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def loads(cls, text: str) -> Self:
        """The inverse of `dumps`."""
        fields = json.loads(text)
        config = Config.loads(json.dumps(fields.pop("config")))
        return cls(config=config, **{**fields, "listeners": tuple(fields["listeners"])})
