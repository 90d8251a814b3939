"""The kit, with modules whose C parts have crashed interpreters at their end."""

import ctypes
import datetime
import decimal
import json
import ssl
import zoneinfo

from contract.apps.kit_asgi import app

__all__ = ["app"]

USED = (ctypes, datetime, decimal, json, ssl, zoneinfo)
