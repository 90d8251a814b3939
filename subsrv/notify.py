"""The service manager's notification socket: sd_notify(3), as systemd's Type=notify reads it."""

import logging
import os
import socket

logger = logging.getLogger("subsrv")


def notify(state: str) -> None:
    """Send `state` ("READY=1") to $NOTIFY_SOCKET if that is set; a failure is logged, no more."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    if path.startswith("@"):  # Linux's abstract namespace
        path = "\0" + path[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(state.encode(), path)
    except OSError as error:
        logger.warning("cannot notify %s of %s: %s", path.replace("\0", "@"), state, error)
