"""``gcs://``: alerts as objects in a bucket of Google Cloud Storage, as compressed lines of JSON, through its JSON API.

The API is that of cloud.google.com/storage/docs/json_api/v1/objects/insert.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.cloud.bodies import body_of
from bridge.channels.native.cloud.objects import objects_in
from bridge.channels.native.gcp.service import answer_of, make_service
from bridge.channels.native.shared.address import Address
from bridge.channels.response import Response
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import ChannelExtras

PARAMETERS = ("compression", "kms-key", "storage-class")
_API, _SCOPE = "https://storage.googleapis.com", "https://www.googleapis.com/auth/devstorage.read_write"
_CLASS = re.compile(r"[A-Z_]{1,40}")
_KMS_KEY = re.compile(r"projects/[\w.:-]+/locations/[\w-]+/keyRings/[\w-]+/cryptoKeys/[\w-]+")
_EXISTS = 412
_BOUNDARY = "falco-bridge-c2a1d0a7e5b14f0c"
"""In no JSON of ours and, with 64 random bits, in no compressed content."""
_encode = msgspec.json.Encoder().encode


class GcsChannel:
    """The channel of one bucket and prefix."""

    batch_size = 1000
    digest_limit = batch_size

    def __init__(
        self, name: str, place: str, address: Address, labels: Mapping[str, str], extras: ChannelExtras
    ) -> None:
        """Raises ChannelError if a parameter is invalid, or google-auth is not installed."""
        self.name = name
        self._objects = objects_in(place, address, "gcs")
        self._class, key = address.one("storage-class"), address.one("kms-key")
        if self._class and not _CLASS.fullmatch(self._class):
            raise ChannelError("has an invalid `storage-class`; write one such as NEARLINE")
        if key and not _KMS_KEY.fullmatch(key):
            raise ChannelError("has an invalid `kms-key`; write projects/…/locations/…/keyRings/…/cryptoKeys/…")
        # An object that exists was written by an earlier attempt. Replacing it would need another permission.
        query = "uploadType=multipart&ifGenerationMatch=0" + (f"&kmsKeyName={quote(key, safe='')}" if key else "")
        path = f"/upload/storage/v1/b/{quote(self._objects.bucket, safe='')}/o?{query}"
        self._body = body_of(address, labels)
        self._service = make_service(name, address, _API, path, _SCOPE, extras)
        self.address = self._service.address

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Write one object, unless it exists."""
        name = self._objects.name(deliveries)

        def is_success(response: Response) -> bool:
            answer = answer_of(response)
            return isinstance(answer, dict) and answer.get("name") == name

        outcome = self._service.post(
            self.request(name, deliveries), f"multipart/related; boundary={_BOUNDARY}", is_success
        )
        return Outcome(Verdict.DELIVERED, _EXISTS) if outcome.status == _EXISTS else outcome

    def request(self, name: str, deliveries: Sequence[Delivery]) -> bytes:
        """The body of the request: the object's metadata and its content."""
        metadata = {"name": name, "contentType": self._objects.content_type}
        if self._class:
            metadata["storageClass"] = self._class
        parts = (
            ("application/json; charset=UTF-8", _encode(metadata)),
            (self._objects.content_type, self._objects.content(deliveries, self._body)),
        )
        boundary = _BOUNDARY.encode()
        written = b"".join(
            b"--%b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (boundary, kind.encode(), part) for kind, part in parts
        )
        return written + b"--%b--\r\n" % boundary

    def close(self) -> None:
        """Close the connections."""
        self._service.close()
