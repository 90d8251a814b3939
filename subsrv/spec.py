"""What one worker needs to know, as one string: the only thing that crosses into an isolate."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Self

from subsrv.config import Config


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """The configuration and the descriptors of one worker.

    `listeners` stay the supervisor's: a worker dups them, because closing an interpreter closes
    every descriptor that its socket objects own. `control` becomes the worker's own to close.
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
