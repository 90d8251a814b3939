"""The servers that subsrv is compared with: how each is had, started, and said to be missing.

`registry.PEERS` names them; `Peers` makes what they need and starts them:

    from experiments.harness.server import Server
    from experiments.peers.peers import Peers

    with Peers("3.14") as peers:
        with Server(peers.command("uvicorn-h11", app="module:attribute", workers=1)) as server:
            server.address
"""
