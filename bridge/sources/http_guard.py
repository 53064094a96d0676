"""Who may post, and how many at once."""

from __future__ import annotations

import hmac
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from bridge.language.values import Network
from bridge.sources.http_request import Head, Reply


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may post. Empty values guard nothing."""

    path: str = field(default="", repr=False)
    """A secret path, without its slash: Falco's http_output cannot send a header."""
    token: str = field(default="", repr=False)
    allow: tuple[Network, ...] = ()

    def admits(self, peer: str) -> bool:
        """Whether this address may connect."""
        if not self.allow:
            return True
        address = _address(peer)
        return address is not None and any(
            address.version == each.version and address in each for each in self.allow
        )  # fmt: skip

    def knows(self, head: Head) -> bool:
        """Whether the request bears the path or the token, where one is asked for."""
        if not self.path and not self.token:
            return True
        by_path = bool(self.path) and _same(head.path.strip("/").partition("/")[0], self.path)
        return by_path or (bool(self.token) and _same(head.token, self.token))

    def public_path(self, head: Head) -> str:
        """The request's path without the secret part and the slashes around."""
        path = head.path.strip("/")
        first, _, rest = path.partition("/")
        return rest.strip("/") if self.path and _same(first, self.path) else path


@dataclass(frozen=True, slots=True)
class Places:
    """How many connections there may be."""

    total: int = 1024
    per_peer: int = 256
    """From one address, or from one /64 of IPv6: one sender must not take all places."""


class Porter:
    """Counts connections, and says who finds no place."""

    def __init__(self, guard: Guard, places: Places) -> None:
        self._guard = guard
        self._places = places
        self._peers: Counter[str] = Counter()
        self.inside = 0

    def refusal(self, peer: str) -> Reply | None:
        """Why this address cannot connect now, or None."""
        if not self._guard.admits(peer):
            return Reply(403, "this address may not post here")
        if self.inside >= self._places.total:
            return Reply(503, "too many connections; try again")
        if self._peers[_group(peer)] >= self._places.per_peer:
            return Reply(503, "too many connections from this address; try again")
        return None

    def enter(self, peer: str) -> None:
        """It has connected."""
        self.inside += 1
        self._peers[_group(peer)] += 1

    def leave(self, peer: str) -> None:
        """It is gone."""
        self.inside -= 1
        group = _group(peer)
        self._peers[group] -= 1
        if self._peers[group] <= 0:
            del self._peers[group]


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _address(peer: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _group(peer: str) -> str:
    address = _address(peer)
    if isinstance(address, IPv6Address):
        return address.exploded[:19]
    return str(address)
