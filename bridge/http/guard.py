"""The limits of a listener: allowed senders, number of connections, and timeouts."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from bridge.http.request import RequestHead
from bridge.language.program.fields.values import Network

_GRACE_SECONDS = 900.0


@dataclass(slots=True)
class Guard:
    """Who may send requests. Empty values allow everyone."""

    path: str = field(default="", repr=False)
    """A secret first path segment. Falco's http_output cannot send a header."""
    token: str = field(default="", repr=False)
    allow: tuple[Network, ...] = ()
    origins: tuple[str, ...] = ()
    """The web pages that may send requests. Programs send no ``Origin`` and are not affected."""
    _previous: tuple[str, str] = field(default=("", ""), repr=False)
    _previous_until: float = 0.0

    def rotate(self, path: str, token: str) -> None:
        """Require these secrets from now on. The previous ones stay valid for 15 minutes.

        Falco posts an alert once. If the bridge learned the new secret before Falco did, the alert would be lost.
        """
        if (path, token) == (self.path, self.token):
            return
        self._previous, self._previous_until = (self.path, self.token), time.monotonic() + _GRACE_SECONDS
        self.path, self.token = path, token

    def allows(self, peer: str) -> bool:
        """Whether this address may connect."""
        if not self.allow:
            return True
        address = parse_address(peer)
        return address is not None and any(
            address.version == each.version and address in each for each in self.allow
        )  # fmt: skip

    def accepts_origin(self, head: RequestHead) -> bool:
        """Whether the request comes from no web page, or from a listed one.

        A page of any site can make its visitor's browser post ``text/plain`` to the visitor's machine and network.
        """
        return not head.origin or head.origin.lower() in {each.lower().rstrip("/") for each in self.origins}

    def authorizes(self, head: RequestHead) -> bool:
        """Whether the request has the secret path or the token. Always true if neither is configured."""
        if not self.path and not self.token:
            return True
        first = head.path.strip("/").partition("/")[0]
        return any(
            (bool(path) and _same(first, path)) or (bool(token) and _same(head.token, token))
            for path, token in self._valid()
        )

    def public_path(self, head: RequestHead) -> str:
        """The request's path without the secret segment and the surrounding slashes."""
        path = head.path.strip("/")
        first, _, rest = path.partition("/")
        is_secret = any(secret and _same(first, secret) for secret, _ in self._valid())
        return rest.strip("/") if is_secret else path

    def _valid(self) -> tuple[tuple[str, str], ...]:
        """The path and the token, and for the grace period the previous ones."""
        now = (self.path, self.token)
        return (now, self._previous) if time.monotonic() < self._previous_until else (now,)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The maximum numbers of concurrent connections."""

    total: int = 1024
    per_peer: int = 256
    """From one IPv4 address or one IPv6 /64 network, so that one sender cannot use up the total."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The time limits of a connection, in seconds."""

    handshake: float = 5.0
    """For the TLS handshake."""
    first_byte: float = 5.0
    """From the connection to the first byte of a request."""
    request: float = 10.0
    """From the first byte of a request to its last."""
    idle: float = 75.0
    """Between two requests."""
    linger: float = 1.0
    """For the sender to read the last response."""


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def parse_address(peer: str) -> IPv4Address | IPv6Address | None:
    """The address of a peer, IPv4 also where it came mapped into IPv6. None for an invalid one."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
