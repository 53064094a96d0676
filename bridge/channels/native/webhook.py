"""``webhook://`` and ``webhooks://``: alerts posted as JSON to whatever program wants them, signed on demand."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body, falcosidekick_body
from bridge.channels.native.address import Address
from bridge.channels.native.endpoint import Endpoint
from bridge.delivery.delivery import Delivery

PARAMETERS = ("format", "batch", "secret", "cafile")
_BODIES: Mapping[str, Callable[[Delivery, Mapping[str, str]], dict[str, object]]] = {
    "falco": alert_body,
    "falcosidekick": falcosidekick_body,
}
_BATCHES = ("none", "array", "ndjson")
_TOGETHER = 100
_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
"""How long the standard wants a secret's key to be."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs after Standard Webhooks: github.com/standard-webhooks/standard-webhooks, symmetric signatures, ``v1``."""

    keys: tuple[bytes, ...]
    """More than one while a secret is being replaced: every one signs, and the far side takes what it knows."""

    def headers(self, identity: str, seconds: int, body: bytes) -> dict[str, str]:
        """The three headers of a message sent at ``seconds`` since the epoch."""
        signed = f"{identity}.{seconds}.".encode() + body
        digests = (hmac.digest(key, signed, hashlib.sha256) for key in self.keys)
        return {
            "webhook-id": identity,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
        }


def make_signer(secrets: Sequence[str]) -> Signer | None:
    """A signer with these secrets (``whsec_`` and base64), or None without any. Raises ChannelError."""
    return Signer(tuple(_key(secret) for secret in secrets)) if secrets else None


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) not in _KEY_BYTES:
        raise ChannelError("has a malformed `secret`; it is whsec_ and the base64 of 24 to 64 random bytes")
    return key


class WebhookChannel:
    """One address. A delivery keeps its ``webhook-id`` through every attempt."""

    def __init__(
        self,
        name: str,
        address: Address,
        labels: Mapping[str, str],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises ChannelError where the address cannot be used."""
        self.name = name
        self._labels = {**labels, **address.labels}
        self._body = _BODIES[address.choice("format", tuple(_BODIES))]
        self._batch = address.choice("batch", _BATCHES)
        self.batch_size = self.digest_limit = 1 if self._batch == "none" else _TOGETHER
        self._signer = make_signer(address.parameters.get("secret", ()))
        self._now = now
        self._endpoint = Endpoint(address, address.path)

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Post one object, or all of them as one array or as lines."""
        return self._endpoint.post(*self.request(deliveries))

    def request(self, deliveries: Sequence[Delivery]) -> tuple[bytes, dict[str, str]]:
        """The body to post, and the headers that go with it."""
        bodies = [self._body(each, self._labels) for each in deliveries]
        kind, body = self._written(bodies)
        headers = {"Content-Type": kind}
        if self._signer is not None:
            headers |= self._signer.headers(_identity(deliveries), int(self._now()), body)
        return body, headers

    def _written(self, bodies: Sequence[dict[str, Any]]) -> tuple[str, bytes]:
        if self._batch == "ndjson":
            return "application/x-ndjson", b"".join(_encode(each) + b"\n" for each in bodies)
        alone = self._batch == "none" and len(bodies) == 1
        return "application/json", _encode(bodies[0] if alone else bodies)

    def close(self) -> None:
        """Let go of its connections."""
        self._endpoint.close()


def _identity(deliveries: Sequence[Delivery]) -> str:
    """The same for the same deliveries, whichever attempt it is."""
    told = ",".join(f"{each.alert.id}-{each.id}" for each in deliveries)
    return f"msg_{hashlib.sha256(told.encode()).hexdigest()[:32]}"
