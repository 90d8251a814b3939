"""The house's one rule: imports run one way."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

# The sources are the same for all.
pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]

# Each room, and the rooms that it may import from; what is not named here may import no room.
# Imports that only type checkers see are not imports.
ROOMS = {
    "subsrv": {"apps.native", "cli", "config"},  # on demand, in its functions
    "__main__": {"cli"},
    "arrival": {"ending", "exchange", "reactor", "shared"},
    "certificates": {"errors"},
    "cli": {
        *("", "access", "admin", "admin.command", "bench.command", "certificates"),
        *("check.auto", "check.command", "config", "envfile", "errors", "forwarded", "habits"),
        *("logs", "parser", "pidfile", "settings", "sockets", "supervisor", "upgrade"),
    },
    "envfile": {"errors"},
    "logs": {"errors"},
    "parser": {"errors"},
    "pidfile": {"errors"},
    "settings": {"config", "envfile", "errors"},
    "config": {"config.*", "errors"},
    "config.limits": {"config.option"},
    "config.logs": {"config.option"},
    "config.operating": {"config.option"},
    "config.protocols": {"config.option"},
    "config.serving": {"config.option"},
    "config.ways_in": {"config.option"},
    "admin.api": {"admin.metrics"},
    "admin.client": {"errors", "sockets"},
    "admin.command": {"admin", "admin.client", "admin.top", "errors", "parser", "settings"},
    "admin.desk": {
        *("admin.api", "admin.endpoint", "admin.view", "config", "control", "crew"),
        "succession",
    },
    "admin.endpoint": {"admin", "admin.api", "errors", "http1", "sockets"},
    "admin.metrics": {"histogram"},
    "admin.top": {"admin", "admin.client"},
    "admin.view": {"", "admin.api", "control", "crew", "histogram", "recycling"},
    "timing": {"connection", "histogram", "http1"},
    "supervisor": {
        "admin.desk",
        *("backends", "config", "control", "crew", "entrance", "errors", "hang", "notify"),
        *("places", "ready", "recycling", "reloading", "shutdown", "signals", "succession"),
        *("takeover", "upgrade"),
    },
    "places": {"backoff"},
    "shutdown": {"crew", "errors", "notify"},
    "reloading": {"config"},
    "succession": {"config", "crew", "errors", "notify", "recycling", "takeover"},
    "recycling": {"config", "crew", "errors"},
    "upgrade": {"sockets"},
    "takeover": {"crew", "errors"},
    "hang": {"control", "crew", "errors"},
    "crew": {"backends", "config", "control", "entrance", "errors", "spec"},
    "entrance": {"config", "errors", "loads", "sockets", "upgrade"},
    "backends": {"backends.interp", "backends.process", "backends.thread", "control", "spec"},
    "backends.interp": {"backends", "backends.thread", "errors", "spec"},
    "backends.process": {"backends", "spec"},
    # check.explain: only to tell why nothing can be served.
    "backends.thread": {
        *("apps", "apps.refreshing", "backends", "check.explain", "errors", "gil", "spec"),
    },
    "access": {"access.formats", "access.logfile"},
    "access.connection": {
        *("access.formats", "connection", "exchange", "files", "http1", "shared"),
    },
    "access.formats": {"errors", "http1"},
    "access.logfile": {"errors"},
    "worker": {
        *("access", "apps", "apps.asgi", "apps.native", "apps.tasks", "apps.wsgi"),
        *("apps.wsgi_threads", "certificates", "control", "errors", "fair", "gil", "logs"),
        *("loop", "mending", "reactor", "rescue", "server", "shared", "sockets", "spec", "stacks"),
    },
    "server": {
        *("histogram", "overload", "timing"),
        *("access.connection", "connection", "early", "exchange", "http1", "listener", "reactor"),
        *("shared", "sockets", "ways_in"),
    },
    "ways_in": {"connection", "exchange", "forwarded", "proxy_protocol", "shared", "tls"},
    "rescue": {"control", "interruption"},
    "connection": {"ending", "exchange", "http1", "incoming", "reactor", "shared"},
    "incoming": {"ending", "exchange", "http1", "interruption", "reactor", "shared"},
    "ending": {"files", "output", "shared"},
    "forwarded": {"errors", "exchange", "http1"},
    "proxy_protocol": {"arrival", "exchange"},
    "listener": {"early", "reactor", "shared"},
    "fair": {"loads", "reactor", "sockets"},
    "output": {"files", "reactor", "shared"},
    "shared": {"exchange", "http1", "reactor"},
    "exchange": {"files", "http1", "interruption"},
    "refusal": {"exchange", "http1"},
    "websocket.handshake": {"http1", "websocket.deflate"},
    "websocket.protocol": {"websocket.deflate", "websocket.masking"},
    "apps": {"apps.loading"},
    "apps.loading": {"check.explain", "errors", "mending"},  # as above
    "apps.lifespan": {"apps.loading"},
    "apps.collecting": {"apps.spool", "exchange"},
    "apps.awaiting": {"exchange"},
    "apps.scope": {"apps.quoting", "exchange", "http1"},
    "apps.asgi": {
        *("apps.awaiting", "apps.lifespan", "apps.scope", "apps.tasks", "apps.websocket"),
        *("exchange", "files", "http1"),
    },
    "apps.websocket": {
        *("apps.awaiting", "apps.scope", "exchange", "http1", "refusal"),
        *("websocket.handshake", "websocket.protocol"),
    },
    "apps.native": {
        "apps.collecting",
        "apps.quoting",
        "apps.spool",
        "apps.tasks",
        "exchange",
        "http1",
        "refusal",
    },
    "apps.wsgi": {
        *("apps.collecting", "apps.quoting", "apps.spool", "apps.wsgi_file", "exchange", "files"),
        *("http1", "refusal"),
    },
    "apps.wsgi_threads": {
        *("apps.collecting", "apps.wsgi", "apps.wsgi_file", "exchange", "overload"),
    },
    "apps.wsgi_file": {"files"},
    "hello": {"apps.native"},
    "bench.requests": {"errors"},
    "bench.load": {"bench.latency", "bench.requests", "errors"},
    "bench.engine": {"bench.answers", "bench.load"},
    "bench.client": {"bench.engine", "bench.load", "bench.options", "bench.requests", "errors"},
    "bench.options": {"config", "parser"},
    "bench.passed": {"config", "settings"},
    "bench.launch": {"bench.machine", "errors"},
    "bench.machine": {""},
    "bench.wrk": {"bench.requests", "errors"},
    "bench.measure": {
        *("bench.client", "bench.launch", "bench.load", "bench.machine", "bench.processes"),
        *("bench.requests", "bench.wrk", "errors"),
    },
    "bench.study": {"bench.launch", "bench.load", "bench.machine", "bench.measure", "errors"},
    "bench.judge": {"bench.measure", "bench.study"},
    "bench.text": {"bench.judge", "bench.study"},
    "bench.page": {"bench.judge", "bench.study", "bench.text"},
    "bench.command": {"bench.*", "config", "errors", "settings"},
    "check.watch": {"worker"},
    "check.trial": {
        *("backends", "backends.interp", "check.packages", "check.watch", "config", "control"),
        *("errors", "sockets", "spec"),
    },
    "check.process": {"check.watch"},
    "check.evidence": {"check.failures", "check.process"},
    "check.remedies": {"check.failures", "check.known"},
    "check.explain": {"check.failures", "check.packages", "check.remedies"},
    "check.study": {
        *("check.evidence", "check.failures", "check.process", "check.remedies"),
        *("config", "errors"),
    },
    "check.record": {"", "check.failures", "check.study"},
    "check.text": {"check.explain", "check.failures", "check.study"},
    "check.command": {
        *(
            "bench.options",
            "bench.passed",
            "check.failures",
            "check.record",
            "check.study",
            "check.text",
        ),
        *("config", "envfile", "errors", "settings"),
    },
    "check.auto": {"check.failures", "check.study", "config"},
    "isolate": {
        *("isolate.errors", "isolate.groups", "isolate.kinds", "isolate.pool"),
        *("isolate.receiving", "isolate.replicas", "isolate.sending"),
        *("isolate.spawning", "isolate.state", "isolate.transferable"),
    },
    "isolate.errors": {"errors"},
    "isolate.memory": set(),
    "isolate.messages": {"isolate.errors", "isolate.memory"},
    "isolate.state": {"isolate.errors"},
    "isolate.sending": {
        *("isolate.errors", "isolate.memory", "isolate.messages", "isolate.state"),
    },
    "isolate.receiving": {
        *("isolate.errors", "isolate.memory", "isolate.messages", "isolate.sending"),
        "isolate.state",
    },
    "isolate.transferable": {"isolate.errors", "isolate.messages"},
    "isolate.references": {"isolate.errors"},
    "isolate.inside": {
        *("isolate.errors", "isolate.receiving", "isolate.references", "isolate.sending"),
        "isolate.state",
    },
    "isolate.kinds": {
        *("backends", "backends.interp", "backends.process", "errors", "isolate.inside"),
        *("isolate.state", "mending"),
    },
    "isolate.calls": {
        *("isolate.errors", "isolate.inside", "isolate.receiving", "isolate.references"),
        *("isolate.sending", "isolate.state"),
    },
    "isolate.pool": {
        "errors",
        *("isolate.calls", "isolate.errors", "isolate.inside", "isolate.kinds"),
        *("isolate.members", "isolate.references"),
    },
    "isolate.members": {
        *("isolate.calls", "isolate.errors", "isolate.receiving", "isolate.sending"),
        "isolate.spawning",
    },
    "isolate.groups": {
        *("isolate.errors", "isolate.receiving", "isolate.sending", "isolate.state"),
    },
    "isolate.replicas": {"isolate.errors", "isolate.groups"},
    "isolate.spawning": {
        *("isolate.errors", "isolate.inside", "isolate.kinds", "isolate.receiving"),
        *("isolate.references", "isolate.sending"),
    },
    "sockets": {"errors"},
    "tls": {
        *("arrival", "certificates", "exchange", "reactor", "shared", "tls_session"),
    },
    "http1": {"http1.*"},
    "http1.body": {"http1.errors", "http1.grammar", "http1.request"},
    "http1.fields": {"http1.grammar"},
    "http1.framing": {"http1.errors", "http1.grammar"},
    "http1.memo": {"http1.errors", "http1.framing", "http1.grammar"},
    "http1.reader": {
        *("http1.body", "http1.errors", "http1.grammar", "http1.request"),
    },
    "http1.request": {"http1.errors", "http1.framing", "http1.grammar", "http1.memo"},
    "http1.response": {"http1.fields", "http1.grammar", "http1.request", "http1.shapes"},
    "http1.sections": {"http1.body", "http1.fields", "http1.grammar", "http1.request"},
    "http1.shapes": {"http1.fields"},
}


@cache
def modules() -> tuple[tuple[str, Path], ...]:
    return tuple(_modules())


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "subsrv").rglob("*.py")):
        parts = path.relative_to(ROOT / "subsrv").with_suffix("").parts
        name = ".".join(parts).removesuffix("__init__").removesuffix(".")
        yield name or "subsrv", path


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that stand under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from runtime_nodes(child)


@cache
def imported(path: Path) -> set[str]:
    """The rooms that a module imports, in whichever way it does."""
    rooms = {name for name, _ in modules()}
    found = set()
    for node in runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they go"
            base = node.module or ""
            below = [f"{base}.{alias.name}" for alias in node.names]
            inside = [name for name in below if name.removeprefix("subsrv.") in rooms]
            names = inside or [base]
        else:
            continue
        for name in names:
            package, _, room = name.partition(".")
            if package == "subsrv":
                found.add(room)
            else:
                assert package not in ("experiments", "tests", "tools"), name
    return found


def allows(rules: set[str], room: str) -> bool:
    return room in rules or any(r.endswith(".*") and room.startswith(r[:-1]) for r in rules)


@pytest.mark.parametrize(("name", "path"), [pytest.param(*m, id=m[0]) for m in modules()])
def test_a_room_imports_only_what_it_may(name: str, path: Path) -> None:
    rules = ROOMS.get(name, set())
    outside = {room for room in imported(path) if not allows(rules, room)}
    assert not outside, f"{name} may not import {sorted(outside)}"


def test_the_table_names_no_room_that_is_gone() -> None:
    rooms = {name for name, _ in modules()}
    assert set(ROOMS) <= rooms
    named = {room for rules in ROOMS.values() for room in rules if room and "*" not in room}
    assert named <= rooms


def reach(start: str) -> set[str]:
    """All rooms that a module imports, and those import."""
    paths = dict(modules())
    reached: set[str] = set()
    ahead = {start}
    while ahead:
        room = ahead.pop()
        reached.add(room)
        ahead |= imported(paths[room]) - reached - {""}
    return reached


def test_a_worker_cannot_tell_which_backend_runs_it() -> None:
    assert not {room for room in reach("worker") if room.startswith(("backends", "superv", "cli"))}


def test_nothing_that_serves_imports_the_measuring() -> None:
    assert not {room for room in reach("supervisor") | reach("worker") if "bench" in room}


def test_of_the_checking_only_the_explanations_are_in_what_serves() -> None:
    reached = {room for room in reach("supervisor") | reach("worker") if room.startswith("check")}
    assert reached == {
        f"check.{each}" for each in ("explain", "failures", "known", "packages", "remedies")
    }


def test_nothing_that_serves_imports_the_isolates_of_applications() -> None:
    assert not {room for room in reach("supervisor") | reach("worker") if "isolate" in room}


def test_the_protocol_knows_nothing_of_the_server() -> None:
    assert all(room.startswith("http1") for room in reach("http1"))


def test_an_isolate_without_websockets_does_not_pay_for_them() -> None:
    code = (
        "import sys, subsrv.worker, subsrv.apps.asgi, subsrv.apps.wsgi, subsrv.apps.native\n"
        "print([name for name in sys.modules if 'wsproto' in name or 'websocket' in name])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert found.stdout == "[]\n"
