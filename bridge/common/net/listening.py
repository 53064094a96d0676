"""The sockets that a process listens on: inherited from systemd or from the process that it replaces, or bound by it.

They can be bound before anything else of the bridge exists. Connections then wait in the backlog until it accepts them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bridge.common.errors import SetupError
from bridge.common.net.tcp_socket import addresses_of, listen_tcp
from bridge.common.net.unix_socket import UnixListener, listen_unix, set_group

_TcpKey = tuple[str, int]


class ListeningSockets:
    """Gives each listener its sockets once. The listener then owns them."""

    def __init__(self, inherited: Iterable[socket.socket] = (), activated: Iterable[socket.socket] = ()) -> None:
        """``activated`` are the sockets of a service manager, which also owns their paths."""
        self._activated = set(activated)
        self._inherited = [*inherited, *self._activated]
        self._tcp: dict[_TcpKey, list[socket.socket]] = {}
        self._unix: dict[Path, UnixListener] = {}
        self._given: list[socket.socket] = []
        self._given_unix: list[UnixListener] = []

    def bind_tcp(self, host: str, port: int) -> None:
        """Listen now. An address that cannot be used is reported by ``tcp``."""
        with suppress(SetupError):
            if port and (host, port) not in self._tcp:
                self._tcp[host, port] = self._inherited_tcp(host, port) or listen_tcp(host, port)

    def bind_unix(self, path: Path, group: str = "") -> None:
        """Listen now. A path that cannot be used is reported by ``unix``."""
        with suppress(SetupError):
            if path not in self._unix:
                self._unix[path] = self._inherited_unix(path) or listen_unix(path, group)

    def tcp(self, host: str, port: int) -> list[socket.socket]:
        """The sockets of this address. Raises SetupError.

        Where a listener has them already, these are further descriptors of the same sockets: the listener that takes
        them may accept before the other has stopped, and no connection is refused.
        """
        found = (
            self._tcp.pop((host, port), None) or self._inherited_tcp(host, port) or self._again(host, port)
            or listen_tcp(host, port)
        )  # fmt: skip
        self._given += found
        return found

    def unix(self, path: Path, group: str = "") -> UnixListener:
        """The socket at this path, as ``tcp``. Raises SetupError."""
        found = (
            self._unix.pop(path, None) or self._inherited_unix(path) or self._again_unix(path, group)
            or listen_unix(path, group)
        )  # fmt: skip
        self._given.append(found.socket)
        self._given_unix.append(found)
        return found

    @contextmanager
    def trial(self) -> Iterator[None]:
        """If the block raises, close what it was given. Otherwise the latest listener of a path owns the path."""
        tcp, unix = len(self._given), len(self._given_unix)
        try:
            yield
        except BaseException:
            for listener in self._given_unix[unix:]:
                listener.close()
            for each in self._given[tcp:]:
                each.close()
            del self._given[tcp:], self._given_unix[unix:]
            raise
        self._given_unix = [each for each in self._given_unix if each.socket.fileno() >= 0]
        owners = {listener.path: listener for listener in self._given_unix}
        for listener in self._given_unix:
            listener.keep_path = listener is not owners[listener.path] or listener.socket in self._activated
        self._given = [each for each in self._given if each.fileno() >= 0]

    def is_managed(self, sockets: Iterable[socket.socket]) -> bool:
        """Whether a service manager listens on these as well."""
        return not self._activated.isdisjoint(sockets)

    def unused(self) -> list[str]:
        """The addresses of inherited sockets that no listener uses."""
        return [address_text(each) for each in self._inherited]

    def _again(self, host: str, port: int) -> list[socket.socket]:
        used = [each for each in self._given if each.fileno() >= 0 and each.family != socket.AF_UNIX]
        if not used or not port:
            return []
        try:
            wanted = addresses_of(host, port)
        except OSError:
            return []
        found = {}
        for each in used:
            address = (int(each.family), each.getsockname()[:2])
            if address in wanted:
                found[address] = each
        return [self._duplicate(each) for each in found.values()]

    def _again_unix(self, path: Path, group: str) -> UnixListener | None:
        for each in reversed(self._given_unix):
            if each.path == path and each.socket.fileno() >= 0 and _is_at(each.socket, path):
                set_group(path, group)
                return UnixListener(self._duplicate(each.socket), path, keep_path=True)
        return None

    def _duplicate(self, listening: socket.socket) -> socket.socket:
        found = listening.dup()
        if listening in self._activated:
            self._activated.add(found)
        return found

    def duplicates(self) -> tuple[list[socket.socket], list[socket.socket]]:
        """Another descriptor for each socket that is in use, those of a service manager apart.

        It keeps listening where the listener closes its own.
        """
        used = [each for each in self._given if each.fileno() >= 0]
        own = [each.dup() for each in used if each not in self._activated]
        return own, [each.dup() for each in used if each in self._activated]

    def leave_paths(self) -> None:
        """Let listeners that close leave their unix sockets at their paths, for another process."""
        for each in self._given_unix:
            each.keep_path = True

    def own_paths(self) -> None:
        """Let listeners that close remove their paths, also the inherited ones."""
        for each in self._given_unix:
            each.keep_path = each.socket in self._activated

    def close(self) -> None:
        """Close everything that no listener has taken."""
        for each in self._inherited:
            each.close()
        for sockets in self._tcp.values():
            for each in sockets:
                each.close()
        for listener in self._unix.values():
            listener.close()
        self._inherited, self._tcp, self._unix = [], {}, {}

    def _inherited_tcp(self, host: str, port: int) -> list[socket.socket]:
        if not self._inherited:
            return []
        try:
            wanted = addresses_of(host, port)
        except OSError:
            return []
        found = [each for each in self._inherited if (int(each.family), each.getsockname()[:2]) in wanted]
        self._inherited = [each for each in self._inherited if each not in found]
        return found

    def _inherited_unix(self, path: Path) -> UnixListener | None:
        for each in self._inherited:
            if each.family == socket.AF_UNIX and _is_at(each, path):
                self._inherited.remove(each)
                return UnixListener(each, path, keep_path=True)
        return None


def address_text(listening: socket.socket) -> str:
    """The address of a listening socket, as a config writes it."""
    name = listening.getsockname()
    if isinstance(name, tuple):
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
    return os.fsdecode(name)


def _is_at(listening: socket.socket, path: Path) -> bool:
    """Whether the socket is bound to this path, and the path still exists."""
    bound = os.fsdecode(listening.getsockname())
    return os.path.abspath(bound) == os.path.abspath(path) and path.is_socket()  # noqa: PTH100  # links stay
