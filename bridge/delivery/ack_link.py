"""Links in messages that acknowledge an incident. They are signed and expire. Pure.

The path is a token: incident, expiry and channel, with an HMAC. Nothing about it is stored.
"""

from __future__ import annotations

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

import msgspec

from bridge.delivery.delivery import Delivery
from bridge.language.program.link import Link
from bridge.routing.notification import NotificationKind

PATH = "/ack/"
LINK_NAME = "Acknowledge"
_PURPOSE = b"falco-bridge acknowledge 1\0"
_HEAD = struct.Struct(">8sI")
"""The incident's id and the expiry in seconds since the epoch; the channel's name follows."""
_MAC_BYTES = 16
_MAX_CHANNEL_BYTES = 100
_LONGEST_TOKEN = 300
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Claim:
    """What a valid token says."""

    incident: str
    """16 hexadecimal digits."""
    channel: str
    """The channel whose message has the link."""


@dataclass(frozen=True, slots=True)
class AckLinks:
    """Makes the links of messages."""

    url: str
    """The beginning of every link, without a slash at its end."""
    lifetime_ns: int
    key: bytes = field(repr=False)

    def added(self, delivery: Delivery) -> Delivery:
        """The delivery with a link, if it is about an incident that can be acknowledged. The same for each attempt."""
        context = delivery.notification.context
        if context is None or context.kind in {NotificationKind.RESOLVED, NotificationKind.ACKNOWLEDGED}:
            return delivery
        expires = (delivery.created_ns + self.lifetime_ns) // _SECOND_NS
        token = sign(Claim(context.incident, delivery.notification.channel), expires, self.key)
        if not token:
            return delivery
        link = Link(LINK_NAME, f"{self.url}{PATH}{token}".replace("%", "%%"))
        notification = msgspec.structs.replace(delivery.notification, links=(link, *delivery.notification.links))
        return Delivery(
            delivery.id, delivery.alert, notification, delivery.attempts, delivery.created_ns, delivery.others
        )


def sign(claim: Claim, expires: int, key: bytes) -> str:
    """The token of a claim; empty where the incident has no id. ``expires`` is in seconds since the epoch."""
    try:
        incident = bytes.fromhex(claim.incident)
    except ValueError:
        return ""
    if len(incident) != 8 or not 0 <= expires < 2**32:
        return ""
    channel = claim.channel.encode("utf-8", "replace")[:_MAX_CHANNEL_BYTES]
    content = _HEAD.pack(incident, expires) + channel
    return urlsafe_b64encode(content + _mac(content, key)).rstrip(b"=").decode()


def read_token(token: str, now: float, key: bytes) -> Claim | None:
    """What a token says; None if it is not signed with this key, or has expired. ``now`` is in seconds."""
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return None
    try:
        data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    content, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    if len(content) < _HEAD.size or not hmac.compare_digest(mac, _mac(content, key)):
        return None
    incident, expires = _HEAD.unpack(content[: _HEAD.size])
    if now >= expires:
        return None
    return Claim(incident.hex(), content[_HEAD.size :].decode("utf-8", "replace"))


def _mac(content: bytes, key: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + content, "sha256")[:_MAC_BYTES]
