"""Dart's ports, where a Dart SDK can be had."""

import json
import subprocess
from collections.abc import Callable

from experiments.harness.paths import EXPERIMENTS
from experiments.peers import programs

_SOURCE = EXPERIMENTS / "isolates" / "ports.dart"
_TIMEOUT = 100.0  # seconds


def case(metric: str) -> Callable[[int], float]:
    """One metric of ports.dart. MissingPeerError where there is no Dart."""

    def measured(count: int) -> float:
        program, _ = programs.dart(_SOURCE)
        done = subprocess.run(
            [program, metric, str(count), "2"],
            stdout=subprocess.PIPE,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
        # The first is a warm-up: it is a process for each value.
        value: float = json.loads(done.stdout)[-1]
        return value

    return measured
