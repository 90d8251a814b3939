"""Listening sockets: parse an address, bind it or take over an inherited descriptor, adopt a copy.

All workers accept from the one socket that `bind` returns, each through a descriptor of its own.
"""

import contextlib
import errno
import functools
import os
import socket
import stat
from collections.abc import Iterable, Iterator, MutableMapping
from typing import NamedTuple, Self

from subsrv.errors import ConfigError, SubsrvError

_INT_MAX = 0x7FFFFFFF  # a C int, which a descriptor is

_SYSTEMD = "systemd:"
_FIRST_PASSED = 3  # sd_listen_fds(3)'s SD_LISTEN_FDS_START


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


def passed(
    addresses: Iterable[str],
    environ: MutableMapping[str, str],
    *,
    before: tuple[str, ...] = (),
    first: int = _FIRST_PASSED,
) -> tuple[str, ...]:
    """The same addresses, with fd://N for each socket that `systemd:` or `systemd:NAME` stands for.

    Reads the variables of sd_listen_fds(3) and removes them, so that what this process starts does
    not think that they are meant for it. `before` is what all of them were for a server which this
    one replaces: systemd passes them once. ConfigError if there is no such socket.
    """
    addresses = tuple(addresses)
    if not any(address.startswith(_SYSTEMD) for address in addresses):
        return addresses
    if before:
        return before
    pid, count, words = (
        environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    )
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit() and int(count)):
        raise ConfigError(f"systemd has passed no socket to this process (LISTEN_PID={pid!r})")
    fds = range(first, first + int(count))
    names = words.split(":")
    for fd in fds:
        # Not for what an application starts: it would keep the socket open.
        os.set_inheritable(fd, False)
    found: list[str] = []
    for address in addresses:
        if not address.startswith(_SYSTEMD):
            found.append(address)
            continue
        name = address.removeprefix(_SYSTEMD)
        chosen = [fd for fd, its in zip(fds, names, strict=False) if its == name] if name else fds
        if not chosen:
            raise ConfigError(f"systemd has passed no socket named {name!r}, but {words!r}")
        found += (f"fd://{fd}" for fd in chosen)
    return tuple(found)


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
        #: What is spoken there: http or https.
        self.scheme = "http"
        self._path: str | None = None
        self._identity: tuple[int, int] | None = None

    @property
    def url(self) -> str:
        """What a client connects to: SCHEME://HOST:PORT with the real port, or unix:PATH."""
        name = self._sock.getsockname()
        if self._sock.family == socket.AF_UNIX:
            return f"unix:{path_of(name)}"
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"{self.scheme}://{host}:{name[1]}"

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


def path_of(name: str | bytes) -> str:
    """The name of a Unix socket as text; Linux's abstract ones, which are bytes, with an @."""
    return name if isinstance(name, str) else os.fsdecode(name).replace("\0", "@", 1)


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


def bind(
    address: str, *, backlog: int, mode: str | None = None, owner: str | None = None
) -> Listener:
    """Listen on `address` (see `parse`); the kernel queues up to `backlog` connections.

    `mode` (in octal) and `owner` (USER, USER:GROUP or :GROUP) are those of a Unix socket's file.
    ConfigError for what cannot be read, SubsrvError where the system refuses it.
    """
    parsed = parse(address)
    with _refusals(address):
        match parsed:
            case Tcp(host, port):
                return _bind_tcp(host, port, backlog)
            case Unix(path):
                return _bind_unix(path, backlog, mode, _ids(owner))
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


class _Adopted(socket.socket):
    """Makes its family and type into enumerations once: `accept` asks for them each time."""

    @functools.cached_property
    def family(self) -> socket.AddressFamily:
        return super().family

    @functools.cached_property
    def type(self) -> socket.SocketKind:
        return super().type


def adopt(fd: int) -> socket.socket:
    """The listening socket behind `fd`, non-blocking, which the caller owns from now on."""
    sock = _Adopted(fileno=fd)
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


def _bind_unix(path: str, backlog: int, mode: str | None, ids: tuple[int, int]) -> Listener:
    with contextlib.ExitStack() as undo:
        sock = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        _remove_stale(path)
        sock.bind(path)
        listener = undo.enter_context(Listener(sock))
        listener._own_path(path)
        # Nobody can connect before listen(), so at no time do others than these have access.
        if ids != (-1, -1):
            os.chown(path, *ids)
        if mode is not None:
            os.chmod(path, int(mode, 8))
        sock.listen(backlog)
        undo.pop_all()
    return listener


def _ids(owner: str | None) -> tuple[int, int]:
    """User and group of USER, USER:GROUP or :GROUP, by name or number; -1 for what is not given."""
    if owner is None:
        return -1, -1
    import grp  # no worker pays for it
    import pwd

    user, _, group = owner.partition(":")
    try:
        uid = int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid if user else -1
        gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid if group else -1
    except KeyError:
        raise ConfigError(f"--unix-owner {owner}: there is no such user or group") from None
    return uid, gid


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
