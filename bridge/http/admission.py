"""Which connections may be open at once, and which of them is closed when a limit is reached."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import Protocol

from bridge.http.guard import ConnectionLimits, Guard, parse_address
from bridge.http.request import Reply

_NOT_ALLOWED = Reply(403, "this address is not allowed")
_TOO_MANY = Reply(503, "too many connections; try again later")
_TOO_MANY_OF_PEER = Reply(503, "too many connections from this address; try again later")


class Admitted(Protocol):
    """A connection, as far as its admission is concerned."""

    @property
    def peer(self) -> str:
        """The sender's address."""

    @property
    def answering(self) -> bool:
        """Whether a complete request waits for its response."""


class Admission:
    """Counts connections and orders those without a good request by how long they have been silent.

    A good request is one that delivered an alert. Until a connection has had one, it may be closed in favor of a new
    one: idle connections must not keep senders out, and a limit is reached before any secret is checked.
    """

    def __init__(self, guard: Guard, limits: ConnectionLimits) -> None:
        self._guard = guard
        self._limits = limits
        self._peers: Counter[str] = Counter()
        self._unproven: OrderedDict[Admitted, None] = OrderedDict()
        self._unproven_of: dict[str, OrderedDict[Admitted, None]] = {}
        self.count = 0

    def forbids(self, peer: str) -> Reply | None:
        """The reply to an address that must not connect, or None."""
        return None if self._guard.allows(peer) else _NOT_ALLOWED

    def full(self, peer: str) -> Reply | None:
        """The reply to an address for which there is no place at present, or None."""
        if self.count >= self._limits.total:
            return _TOO_MANY
        if self._peers[_group(peer)] >= self._limits.per_peer:
            return _TOO_MANY_OF_PEER
        return None

    def replaceable(self, peer: str) -> Admitted | None:
        """The connection to close in favor of a new one from this address, or None.

        It is the one that has been silent for longest, of those without a good request: of the same address if that
        has reached its limit, otherwise of all.
        """
        group = _group(peer)
        if self._peers[group] >= self._limits.per_peer:
            return _first_idle(self._unproven_of.get(group, ()))
        return _first_idle(self._unproven)

    def add(self, connection: Admitted) -> None:
        """A connection was accepted."""
        group = _group(connection.peer)
        self.count += 1
        self._peers[group] += 1
        self._unproven[connection] = None
        self._unproven_of.setdefault(group, OrderedDict())[connection] = None

    def heard(self, connection: Admitted) -> None:
        """A connection without a good request has sent bytes."""
        if connection in self._unproven:
            self._unproven.move_to_end(connection)
            self._unproven_of[_group(connection.peer)].move_to_end(connection)

    def prove(self, connection: Admitted) -> None:
        """A connection has delivered an alert. It keeps its place."""
        if connection in self._unproven:
            del self._unproven[connection]
            group = _group(connection.peer)
            of_group = self._unproven_of[group]
            del of_group[connection]
            if not of_group:
                del self._unproven_of[group]

    def remove(self, connection: Admitted) -> None:
        """A connection has ended or will be closed."""
        self.prove(connection)
        self.count -= 1
        group = _group(connection.peer)
        self._peers[group] -= 1
        if self._peers[group] <= 0:
            del self._peers[group]


def _first_idle(connections: Iterable[Admitted]) -> Admitted | None:
    return next((each for each in connections if not each.answering), None)


def _group(peer: str) -> str:
    """The IPv4 address, or the /64 network of an IPv6 address."""
    address = parse_address(peer)
    if isinstance(address, IPv6Address):
        return address.exploded[:19]
    return str(address)
