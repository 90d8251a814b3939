"""Hello, world in Flask."""

# The types are checked where the framework is not installed, too.
# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator"

from flask import Flask

from experiments.apps.state import PATH, state

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    """Say hello."""
    return "Hello, world!"


@app.post(PATH)
def worker_state() -> bytes:
    """Report the worker's state."""
    return state()
