"""Servers for the contract: one for each mode and application, shared where tests allow it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.modes import POSSIBLE, Mode
from contract.probe import Probe
from contract.serving import Server
from contract.wire import Client


@pytest.fixture(scope="session", params=POSSIBLE, ids=str)
def mode(request: pytest.FixtureRequest) -> Mode:
    """Every kind of worker that this interpreter can have, one after the other."""
    found: Mode = request.param
    return found


# The path for systems without epoll, and nothing remembered: with the same results.
PLAIN = ("--reactor", "portable", "--header-cache", "0")


@pytest.fixture(scope="session", params=[(), PLAIN], ids=["", "plain"])
def asgi(mode: Mode, request: pytest.FixtureRequest) -> Iterator[Server]:
    """The ASGI kit in one worker, so that two connections meet the same one."""
    flags = (*mode.flags, *request.param, "--workers", "1")
    with Server("contract.apps.kit_asgi:app", *flags) as server:
        yield server


@pytest.fixture(scope="session")
def faulty(mode: Mode) -> Iterator[Server]:
    """The ASGI application that breaks its promises."""
    with Server("contract.apps.faulty_asgi:app", *mode.flags, "--workers", "1") as server:
        yield server


@pytest.fixture(scope="session")
def hasty(mode: Mode) -> Iterator[Server]:
    """Waits for nothing long. The time-outs differ, so that none can pass for another."""
    timeouts = (
        *("--timeout-header", "0.3"),
        *("--timeout-body", "0.25"),
        *("--timeout-keep-alive", "0.2"),
        *("--timeout-write", "0.35"),
        *("--min-body-rate", "100"),
        *("--ws-ping-interval", "0.15", "--ws-ping-timeout", "0.2"),
    )
    flags = (*mode.flags, *timeouts, "--workers", "1")
    with Server("contract.apps.kit_asgi:app", *flags) as server:
        yield server


@pytest.fixture(scope="session", params=["1", "4"], ids=["inline", "threads"])
def wsgi(mode: Mode, request: pytest.FixtureRequest, uploads: Path) -> Iterator[Server]:
    """The WSGI kit in one worker, in its loop or in four threads; bodies above 576 KiB on disk."""
    flags = (*mode.flags, "--workers", "1", "--threads", request.param)
    flags = (*flags, "--limit-body-memory", "64k")
    with Server("contract.apps.kit_wsgi:app", *flags, env={"TMPDIR": str(uploads)}) as server:
        yield server


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the WSGI servers keep large bodies."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture
def client(asgi: Server) -> Iterator[Client]:
    """A connection to the ASGI kit."""
    with Client(asgi) as client:
        yield client


@pytest.fixture
def probe() -> Iterator[Probe]:
    """Where the application under test calls in."""
    with Probe() as probe:
        yield probe
