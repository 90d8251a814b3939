"""The event loop of a worker: asyncio's own, on the reactor."""

import asyncio

# Called without arguments, these give True and False, and no frame of Python is made for it.
_YES, _NO = "".isascii, "".isspace


class Loop(asyncio.SelectorEventLoop):
    """Answers at once what asyncio asks it for each new task: whether it runs, and debugs.

    From C, either costs a new loop of the interpreter where it is a function in Python. So they are
    attributes here, as long as the answer stays the same: 2 % of the instructions of an ASGI hello.
    """

    def set_debug(self, enabled: bool) -> None:
        """See asyncio, which calls it first of all."""
        super().set_debug(enabled)
        vars(self)["get_debug"] = _YES if enabled else _NO

    def run_forever(self) -> None:
        """See asyncio, whose other ways of running come by here."""
        self.call_soon(vars(self).__setitem__, "is_running", _YES)
        try:
            super().run_forever()
        finally:
            vars(self).pop("is_running", None)
