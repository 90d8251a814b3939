"""Interleaved rounds: several servers, alive at once and loaded in turn, in a shuffled order."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from experiments.harness.interpreters import InterpreterError
from experiments.harness.measure import RoundError, measure
from experiments.harness.progress import Progress
from experiments.harness.server import Server, ServerError
from experiments.harness.verify import HELLO, WrongAnswerError, verify
from experiments.harness.wrk import Load, WrkError

#: Whatever can go wrong with one server and leaves the others worth measuring.
FAILURES = (ServerError, WrongAnswerError, RoundError, InterpreterError, WrkError)


def in_words(error: Exception) -> str:
    """The error's text and its notes, among which is the server's log."""
    return "\n".join((str(error), *getattr(error, "__notes__", ())))


class Contest:
    """The servers that take part, the rounds they ran and the failures met.

    A server that fails leaves the contest, and its failure is kept beside the others' rounds. A
    context manager: leaving it stops every server, and one that does not stop cleanly has failed.
    """

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self.responses: dict[str, bytes] = {}
        self.bodies: dict[str, bytes] = {}
        self.rounds: list[dict[str, Any]] = []
        self.failures: dict[str, str] = {}

    def add(self, name: str, command: Callable[[], Sequence[str]], body: bytes = HELLO) -> None:
        """Start a server and check its answers. `command` may raise InterpreterError."""
        try:
            self.servers[name] = Server(command())
            self.responses[name] = verify(self.servers[name], body)
        except FAILURES as error:
            self._fail(name, error)
        else:
            self.bodies[name] = body

    def run(
        self, loads: Mapping[str, Callable[[int], Load]], *, rounds: int, seed: int, title: str
    ) -> None:
        """Put every load on every server in each round; round 0 warms up and is not recorded.

        `loads` makes a load from the number of its round.
        """
        order = random.Random(seed)
        progress = Progress((rounds + 1) * len(loads) * len(self.servers))
        for number in range(rounds + 1):
            turns = [(name, traffic) for name in self.servers for traffic in loads]
            order.shuffle(turns)
            for name, traffic in turns:
                progress.step(f"{title}: {name}, {traffic}")
                if name in self.servers:  # it may have failed earlier in this round
                    load = loads[traffic](number)
                    self._turn(name, number, traffic, load if number else _warm_up(load))
        for name in list(self.servers):
            try:
                verify(self.servers[name], self.bodies[name])
            except WrongAnswerError as error:
                self._fail(name, error)
        progress.end()

    def _turn(self, name: str, number: int, traffic: str, load: Load) -> None:
        begun = time.time()
        try:
            size = len(self.responses[name])
            measured = measure(self.servers[name], load, response_size=size)
        except FAILURES as error:
            self._fail(name, error)
        else:
            if number:
                turn = {"round": number, "server": name, "traffic": traffic, "begun": begun}
                self.rounds.append(turn | measured.record())

    def _fail(self, name: str, error: Exception) -> None:
        server = self.servers.pop(name, None)
        if server is not None:
            server.__exit__(type(error), error, error.__traceback__)
        self.failures[name] = in_words(error)

    def record(self) -> dict[str, Any]:
        """What goes into a results file."""
        return {"rounds": self.rounds, "failures": self.failures}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exception: object, *_: object) -> None:
        for name, server in self.servers.items():
            try:
                if exception is None:
                    server.stop()
                else:
                    server.kill()
            except ServerError as error:
                self.failures[name] = str(error)


def _warm_up(load: Load) -> Load:
    return replace(load, duration=1)


def values(
    raw: Mapping[str, Any], server: str, traffic: str, figure: str = "cpu_per_request_us"
) -> list[float]:
    """A figure of one server under one traffic, round by round; empty where it failed."""
    if server in raw["failures"]:
        return []
    return [
        turn[figure] if figure in turn else turn["report"][figure]
        for turn in raw["rounds"]
        if (turn["server"], turn["traffic"]) == (server, traffic)
    ]


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Ratios of two servers, each round by itself; empty where either has no rounds."""
    return [a / b for a, b in zip(above, below, strict=True)] if above and below else []
