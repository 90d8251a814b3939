"""Which peer does which workload, and with what application."""

from experiments.peers.peer import PYTHON, Interface, MissingPeerError, Peer
from experiments.workloads.workloads import Workload

#: Why a peer does not take part in a workload, by interface and handler, or by peer and workload.
_UNFIT: dict[tuple[str, str], str] = {
    (Interface.NATIVE, "stream"): "a native handler answers with a whole body",
    ("floor", "limited"): "the floor never closes a connection",
}


def unfit(peer: Peer, workload: Workload, workers: int) -> str:
    """Why a peer has no part in a workload with so many workers; "" where it has."""
    if peer.most_workers is not None and workers > peer.most_workers:
        return f"it has at most {peer.most_workers} worker(s)"
    try:
        application(peer, workload)
    except MissingPeerError as error:
        return str(error)
    return ""


def application(peer: Peer, workload: Workload) -> str:
    """What `Peers.command` is given so that the peer does this work.

    MissingPeerError, with the reason, where it does not.
    """
    if peer.interface is Interface.FIXED and workload.handler != "hello":
        raise MissingPeerError("it runs no application")
    reason = _UNFIT.get((peer.interface, workload.handler)) or _UNFIT.get(
        (peer.name, workload.name)
    )
    if reason:
        raise MissingPeerError(reason)
    if peer.interface in PYTHON:
        return f"experiments.apps.work_{peer.interface}:{workload.handler}"
    return workload.handler
