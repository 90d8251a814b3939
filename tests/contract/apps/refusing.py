"""An application that needs a module which CPython loads in the main interpreter only."""

import faulthandler

from contract.apps.kit_asgi import app

__all__ = ["app", "faulthandler"]
