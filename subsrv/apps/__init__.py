"""Applications: finding them, and calling them by ASGI, WSGI or the native interface."""

from subsrv.apps.loading import Loaded, load

__all__ = ["Loaded", "load"]
