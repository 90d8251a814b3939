"""What atheris runs: `python -m fuzz.target NAME [libFuzzer's options] [corpora]`.

A process of its own, as libFuzzer ends the one that it runs in.
"""

import importlib
import logging
import sys

import atheris  # type: ignore[import-untyped]


def main() -> None:
    """Fuzz the target whose name is the first argument."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["subsrv"]):
        check = importlib.import_module(f"fuzz.{name}").check
    logging.getLogger("subsrv").setLevel(logging.CRITICAL)  # applications fail all the time here
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
