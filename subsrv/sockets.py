"""Listening sockets: parse an address, bind it or take over an inherited descriptor, adopt a copy.

All workers accept from the one socket that `bind` returns, each through a descriptor of its own.
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from typing import NamedTuple, Self

from subsrv.errors import ConfigError, SubsrvError

_INT_MAX = 0x7FFFFFFF  # a C int, which a descriptor is


class Tcp(NamedTuple):
    """HOST:PORT, or [IPV6]:PORT. Port 0 lets the kernel choose."""

    host: str
    port: int


class Unix(NamedTuple):
    """unix:PATH."""

    path: str


class Inherited(NamedTuple):
    """fd://N: a socket that the parent process opened, as under systemd."""

    fd: int


Address = Tcp | Unix | Inherited


def parse(text: str) -> Address:
    """Read HOST:PORT, [IPV6]:PORT, unix:PATH or fd://N. ConfigError says what is wrong."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path:
            raise ConfigError(f"bad address {text!r}: unix: needs a path")
        return Unix(path)
    if text.startswith("fd://"):
        number = text.removeprefix("fd://")
        if not (number.isascii() and number.isdigit() and int(number) <= _INT_MAX):
            raise ConfigError(f"bad address {text!r}: fd:// needs a descriptor's number")
        return Inherited(int(number))
    host, colon, number = text.rpartition(":")
    if not colon or not host:
        raise ConfigError(f"bad address {text!r}: want HOST:PORT, unix:PATH or fd://N")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError(f"bad address {text!r}: write IPv6 in brackets, as [::1]:8080")
    if not (number.isascii() and number.isdigit() and int(number) < 65536):
        raise ConfigError(f"bad address {text!r}: the port is a number from 0 to 65535")
    return Tcp(host, int(number))


class Listener:
    """A listening socket and its name. `close()` it, or use it as a context manager."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._path: str | None = None
        self._identity: tuple[int, int] | None = None

    @property
    def url(self) -> str:
        """What a client connects to: http://HOST:PORT with the real port, or unix:PATH."""
        name = self._sock.getsockname()
        if self._sock.family == socket.AF_UNIX:
            return f"unix:{os.fsdecode(name)}"
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"http://{host}:{name[1]}"

    @property
    def port(self) -> int:
        """The real port, of a TCP socket."""
        port: int = self._sock.getsockname()[1]
        return port

    def leave(self) -> None:
        """Close this process's descriptor alone."""
        self._sock.close()

    def fileno(self) -> int:
        """The descriptor that workers get copies of; it stays this object's."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket and remove its path. Closing twice does nothing."""
        self._sock.close()
        if self._path is not None:
            # A server that started after this one may own the path by now.
            with contextlib.suppress(FileNotFoundError):
                if _identity(self._path) == self._identity:
                    os.unlink(self._path)
            self._path = None

    def give_up_path(self) -> None:
        """Leave the path to another process, which listens there too."""
        self._path = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _own_path(self, path: str) -> None:
        self._path = os.path.abspath(path)  # the working directory may change before close()
        self._identity = _identity(self._path)


def bind_copies(address: str, *, backlog: int, copies: int) -> list[Listener]:
    """Listen on `address` with so many sockets, of which the kernel chooses one by its hash.

    ConfigError for an address of which there can be but one; otherwise as `bind`.
    """
    parsed = parse(address)
    if not isinstance(parsed, Tcp):
        raise ConfigError(f"--accept reuseport needs HOST:PORT, not {address}")
    made: list[Listener] = []
    with contextlib.ExitStack() as undo, _refusals(address):
        for _ in range(copies):
            if made:  # port 0 has become a port
                parsed = parsed._replace(port=made[0].port)
            made.append(undo.enter_context(_bind_tcp(*parsed, backlog, reuse_port=True)))
        undo.pop_all()
    return made


def bind(address: str, *, backlog: int) -> Listener:
    """Listen on `address` (see `parse`); the kernel queues up to `backlog` connections.

    ConfigError for an address that cannot be read, SubsrvError where the system refuses it.
    """
    parsed = parse(address)
    with _refusals(address):
        match parsed:
            case Tcp(host, port):
                return _bind_tcp(host, port, backlog)
            case Unix(path):
                return _bind_unix(path, backlog)
            case Inherited(fd):
                return _inherit(fd, backlog)


@contextlib.contextmanager
def _refusals(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError) as error:  # UnicodeError: not a host name by IDNA
        # What Python itself refuses, as a path that is too long, has no strerror.
        reason = getattr(error, "strerror", None) or error
        raise SubsrvError(f"cannot bind {address}: {reason}") from error


def take_over(fd: int, address: str, *, backlog: int) -> Listener:
    """The listener that another process has bound to `address`, by its descriptor `fd`.

    That descriptor becomes this listener's, and the path of a Unix socket, too.
    """
    listener = _inherit(fd, backlog)
    os.close(fd)
    if isinstance(parsed := parse(address), Unix):
        listener._own_path(parsed.path)
    return listener


def adopt(fd: int) -> socket.socket:
    """The listening socket behind `fd`, non-blocking, which the caller owns from now on."""
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    return sock


def _bind_tcp(host: str, port: int, backlog: int, *, reuse_port: bool = False) -> Listener:
    family, kind, protocol, _, name = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with contextlib.ExitStack() as undo:
        sock = undo.enter_context(socket.socket(family, kind, protocol))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # An address means what it says: [::] and 0.0.0.0 can be bound side by side.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _set_nodelay(sock)
        sock.bind(name)
        sock.listen(backlog)
        undo.pop_all()
    return Listener(sock)


def _bind_unix(path: str, backlog: int) -> Listener:
    with contextlib.ExitStack() as undo:
        sock = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        _remove_stale(path)
        sock.bind(path)
        sock.listen(backlog)
        undo.pop_all()
    listener = Listener(sock)
    listener._own_path(path)
    return listener


def _inherit(fd: int, backlog: int) -> Listener:
    # A dup, because the descriptor stays whoever's it was: another server may get it next.
    sock = socket.socket(fileno=os.dup(fd))
    with contextlib.ExitStack() as undo:
        undo.enter_context(sock)
        if sock.type != socket.SOCK_STREAM:
            raise OSError(errno.ESOCKTNOSUPPORT, "not a stream socket")
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            sock.listen(backlog)
        if sock.family != socket.AF_UNIX:
            _set_nodelay(sock)
        undo.pop_all()
    return Listener(sock)


def _set_nodelay(sock: socket.socket) -> None:
    # On Linux accepted sockets inherit it, which saves a system call for each connection.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _remove_stale(path: str) -> None:
    """Remove the socket file of a server that is no more; leave anything else to bind()."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
