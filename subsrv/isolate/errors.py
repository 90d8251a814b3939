"""What goes wrong between isolates."""

from subsrv.errors import SubsrvError


class IsolateError(SubsrvError):
    """An isolate or a port cannot do what was asked; the base of the others here."""


class PortClosedError(IsolateError):
    """The other side is gone: no receiver for a sender, or no sender left for a receiver."""


class PortFullError(IsolateError):
    """The port takes no message now (`send_nowait` to a bounded port)."""


class NotSendableError(IsolateError):
    """The sender's side: a message that cannot be pickled, or a function without a reference."""


class NotReceivableError(IsolateError):
    """The receiver's side: a message that cannot be unpickled here. The port goes on."""


class IsolateDiedError(IsolateError):
    """The isolate ended before it answered."""


class RemoteError(IsolateError):
    """An error in an isolate that cannot cross itself, or ended it; `detail` is its traceback."""


class RemoteTraceback(Exception):  # noqa: N818 (it is no error, but the cause of one)
    """The cause of an exception that crossed: where it was raised, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Killed(BaseException):
    """Raised inside an isolate that is asked to end. Clean up, and let it pass."""
