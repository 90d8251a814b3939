"""A handler that takes about one and a half milliseconds of pure Python: a small page's worth."""

from experiments.apps import cpu


def answer() -> bytes:
    """The work, and the body that proves it was done."""
    return cpu.answer() + cpu.answer() + cpu.answer()


asgi, wsgi = cpu.asgi_of(answer), cpu.wsgi_of(answer)
