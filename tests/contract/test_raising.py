"""What becomes of a worker whose application raises what is no ordinary error."""

from collections.abc import Iterator

import pytest

from contract.modes import DISTINCT, POSSIBLE, Mode
from contract.serving import Server
from contract.wire import Client

# How it leaves an application differs by interface, and what it does to a worker by mode.
CASES = [(mode, "asgi") for mode in POSSIBLE]
CASES += [(DISTINCT[0], interface) for interface in ("wsgi", "wsgi-threads", "native")]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[Mode, str]:
    found: tuple[Mode, str] = request.param
    return found


@pytest.fixture(scope="module")
def interface(case: tuple[Mode, str]) -> str:
    return case[1]


@pytest.fixture(scope="module")
def server(case: tuple[Mode, str]) -> Iterator[Server]:
    mode, interface = case
    name, _, threads = interface.partition("-")
    flags = ("--workers", "1", "--threads", "2" if threads else "1")
    with Server(f"contract.apps.raising:{name}", *mode.flags, *flags) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "error"), [("/recursion", "RecursionError"), ("/memory", "MemoryError")]
)
def test_out_of_stack_or_memory_costs_one_request(server: Server, path: str, error: str) -> None:
    with Client(server) as client:
        assert client.get(path).status == 500
    server.expect(f"^{error}")
    with Client(server) as client:
        client.assert_open()
    assert "died" not in server.log


@pytest.mark.parametrize(
    ("path", "error"), [("/exit", "SystemExit: leaving"), ("/interrupt", "KeyboardInterrupt")]
)
def test_leaving_ends_the_worker(interface: str, server: Server, path: str, error: str) -> None:
    """Raised in the loop; a thread of a pool fails its request with it, as with any error."""
    with Client(server) as client:
        if interface == "wsgi-threads":
            assert client.get(path).status == 500
            server.expect(f"^{error}$")
            return
        client.request(path)
        client.assert_closed()
    server.expect(f"^subsrv: worker 0 died: {error}; starting another")
    server.expect(f"^{error}$")
    if interface == "asgi":
        server.expect("^Task exception was never retrieved")
    with Client(server) as client:
        client.assert_open()
