"""What a client did wrong."""


class ProtocolError(Exception):
    """The request cannot be answered: send `status` with this reason, then close.

    Nothing that follows on the connection may be read as a request (RFC 9112 section 11.2).
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        #: The request's method is HEAD, so that the answer must not have a body.
        self.bodiless = False
        #: The beginning of the request that was wrong, for a log.
        self.line = b""
