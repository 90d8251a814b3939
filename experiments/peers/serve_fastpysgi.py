"""Start fastpysgi, whose command line knows neither workers nor limits.

usage: python serve_fastpysgi.py MODULE:ATTRIBUTE PORT WORKERS
"""

# The types are checked where it is not installed, too.
# mypy: disable-error-code="import-not-found"

import importlib
import sys

import fastpysgi

#: Of what `fastpysgi.server` has, what differs from its defaults; see the registry for the reasons.
SETTINGS = {
    "read_buffer_size": 256 * 1024,
    "max_content_length": 32 * 1024 * 1024,
    "backlog": 2048,
    "loop_timeout": 1,
}


def main() -> None:
    """Serve until a signal."""
    app, port, workers = sys.argv[1:]
    module, _, attribute = app.partition(":")
    for name, value in SETTINGS.items():
        setattr(fastpysgi.server, name, value)
    fastpysgi.run(
        getattr(importlib.import_module(module), attribute),
        "127.0.0.1",
        int(port),
        loglevel=0,
        workers=int(workers),
    )


if __name__ == "__main__":
    main()
