"""Objects of a bucket: alerts as lines of JSON, and a name of time and ids only. Pure."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from bridge.channels.errors import ChannelError
from bridge.channels.native.cloud.bodies import Body
from bridge.channels.native.shared.address import Address
from bridge.delivery.delivery import Delivery

_BUCKET = re.compile(r"[a-zA-Z0-9._-]{3,255}")
_PREFIX = re.compile(r"[\w!.*'()/=-]{0,700}", re.ASCII)
"""The characters that S3 calls safe, and ``=`` for partitions such as ``source=falco``."""
_GZIP = 31
_encode = msgspec.json.Encoder().encode
COMPRESSION = ("gzip", "none")


@dataclass(frozen=True, slots=True)
class Objects:
    """How the objects of a channel are named and written."""

    bucket: str
    prefix: str
    """Ends with a slash, or is empty."""
    is_compressed: bool

    @property
    def content_type(self) -> str:
        """No Content-Encoding goes with it: some services would unpack what they serve, although it ends in .gz."""
        return "application/gzip" if self.is_compressed else "application/x-ndjson"

    def content(self, deliveries: Sequence[Delivery], body: Body) -> bytes:
        """The lines; the same bytes for the same deliveries, because zlib writes no time into the header."""
        lines = b"".join(_encode(body(each)) + b"\n" for each in deliveries)
        if not self.is_compressed:
            return lines
        compressor = zlib.compressobj(6, wbits=_GZIP)
        return compressor.compress(lines) + compressor.flush()

    def name(self, deliveries: Sequence[Delivery]) -> str:
        """The prefix, when the first was added, its id, and a hash of all ids. Nothing of an alert's text."""
        added = datetime.fromtimestamp(deliveries[0].created_ns // 1_000_000_000, UTC)
        identity = ",".join(f"{each.alert.id}-{each.id}" for each in deliveries)
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        ending = "jsonl.gz" if self.is_compressed else "jsonl"
        return f"{self.prefix}{added:%Y/%m/%d/%Y%m%dT%H%M%SZ}-{deliveries[0].id}-{digest}.{ending}"


def objects_in(place: str, address: Address, scheme: str) -> Objects:
    """The objects of a URL ``SCHEME://BUCKET/PREFIX``. Raises ChannelError."""
    bucket, _, prefix = place.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ChannelError(f"has no valid name of a bucket; write {scheme}://BUCKET/PREFIX")
    prefix = prefix.strip("/")
    if not _PREFIX.fullmatch(prefix):
        raise ChannelError("has a prefix with other characters than letters, digits and !-_.*'()/=")
    return Objects(bucket, f"{prefix}/" if prefix else "", address.choice("compression", COMPRESSION) == "gzip")
