"""``webhook://`` and ``webhooks://``: posts alerts as JSON, optionally signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body, falcosidekick_body
from bridge.channels.message.body_template import filled, takes_batches
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.endpoint import Endpoint
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras

PARAMETERS = ("format", "batch", "type", "secret", "cafile")
_BODIES: Mapping[str, Callable[[Delivery, Mapping[str, str]], dict[str, object]]] = {
    "falco": alert_body,
    "falcosidekick": falcosidekick_body,
}
_BATCHES = ("none", "array", "ndjson")
_MAX_BATCH = 100
_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+-]{1,100}(?:; ?charset=utf-8)?")
_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
"""The key lengths that the standard allows."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs requests after Standard Webhooks (github.com/standard-webhooks), with symmetric ``v1`` signatures."""

    keys: tuple[bytes, ...]
    """Several while a secret is being replaced: each signs, and the receiver accepts a signature that it can verify."""

    def headers(self, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
        """The three headers of a request sent at ``seconds`` since the epoch."""
        signed = f"{message_id}.{seconds}.".encode() + body
        digests = (hmac.digest(key, signed, hashlib.sha256) for key in self.keys)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
        }


def make_signer(secrets: Sequence[str]) -> Signer | None:
    """A signer with these secrets (``whsec_`` and base64), or None without secrets. Raises ChannelError."""
    return Signer(tuple(_key(secret) for secret in secrets)) if secrets else None


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) not in _KEY_BYTES:
        raise ChannelError("has an invalid `secret`; write whsec_ followed by 24 to 64 random bytes in base64")
    return key


class WebhookChannel:
    """The channel of one address. A delivery has the same ``webhook-id`` in every attempt."""

    def __init__(
        self,
        name: str,
        address: Address,
        labels: Mapping[str, str],
        now: Callable[[], float] = time.time,
        *,
        extras: ChannelExtras = NO_EXTRAS,
    ) -> None:
        """Raises ChannelError if the address cannot be used."""
        self.name = name
        self._labels = {**labels, **address.labels}
        self._body = _BODIES[address.choice("format", tuple(_BODIES))]
        self._batch = address.choice("batch", _BATCHES)
        self._type = address.one("type")
        if self._type and not _TYPE.fullmatch(self._type):
            raise ChannelError("has an invalid `type`; write a media type, such as application/cloudevents+json")
        self._template = extras.body
        self._holds_several = takes_batches(extras.body)
        if extras.body is not None and address.one("format"):
            raise ChannelError("has both `body` and `format`; remove one")
        if self._holds_several and self._batch != "none":
            raise ChannelError("has `batch`, and a `body` with `%each`, which holds several alerts already; remove one")
        self.batch_size = _MAX_BATCH if self._batch != "none" or self._holds_several else 1
        self.digest_limit = self.batch_size
        self._signer = make_signer(address.parameters.get("secret", ()))
        self._now = now
        self._endpoint = Endpoint(address, address.path, name=name, extras=extras)
        self.address = self._endpoint.address

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Post one object, or all deliveries as one array or as lines."""
        return self._endpoint.post(*self.request(deliveries))

    def request(self, deliveries: Sequence[Delivery]) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the request."""
        content_type, body = self._encoded(self._bodies(deliveries))
        headers = {"Content-Type": self._type or content_type}
        if self._signer is not None:
            headers |= self._signer.headers(_message_id(deliveries), int(self._now()), body)
        return body, headers

    def _bodies(self, deliveries: Sequence[Delivery]) -> list[Any]:
        if self._template is None:
            return [self._body(each, self._labels) for each in deliveries]
        if self._holds_several:
            return [filled(self._template, deliveries, self._labels)]
        return [filled(self._template, [each], self._labels) for each in deliveries]

    def _encoded(self, bodies: Sequence[Any]) -> tuple[str, bytes]:
        if self._batch == "ndjson":
            return "application/x-ndjson", b"".join(_encode(each) + b"\n" for each in bodies)
        single = self._batch == "none" and len(bodies) == 1
        return "application/json", _encode(bodies[0] if single else bodies)

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()


def _message_id(deliveries: Sequence[Delivery]) -> str:
    """The same for every attempt of the same deliveries."""
    identity = ",".join(f"{each.alert.id}-{each.id}" for each in deliveries)
    return f"msg_{hashlib.sha256(identity.encode()).hexdigest()[:32]}"
