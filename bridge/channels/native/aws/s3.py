"""``s3://``: alerts as objects in a bucket of Amazon S3 or a compatible service, as compressed lines of JSON."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.aws.bodies import body_of
from bridge.channels.native.aws.client import Client
from bridge.channels.native.aws.errors import NOT_AWS, outcome_of
from bridge.channels.native.aws.resource import Resource, region_of
from bridge.delivery.delivery import Delivery

PARAMETERS = ("compression", "style", "sse", "kms-key", "storage-class", "acl")
_BUCKET = re.compile(r"[a-zA-Z0-9._-]{3,255}")
_PREFIX = re.compile(r"[\w!.*'()/=-]{0,700}", re.ASCII)
"""The characters that S3 calls safe, and ``=`` for partitions such as ``source=falco``."""
_ENCRYPTION = ("none", "AES256", "aws:kms", "aws:kms:dsse")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_GZIP = 31
_encode = msgspec.json.Encoder().encode


class S3Channel:
    """The channel of one bucket and prefix."""

    batch_size = 1000
    digest_limit = batch_size

    def __init__(self, name: str, resource: Resource, labels: Mapping[str, str]) -> None:
        """Raises ChannelError if a parameter is invalid, or botocore is not installed."""
        self.name = name
        self._bucket, _, prefix = resource.name.partition("/")
        if not _BUCKET.fullmatch(self._bucket):
            raise ChannelError("has no valid name of a bucket; write s3://BUCKET/PREFIX")
        if not _PREFIX.fullmatch(prefix):
            raise ChannelError("has a prefix with other characters than letters, digits and !-_.*'()/=")
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        address = resource.address
        self._compresses = address.choice("compression", ("gzip", "none")) == "gzip"
        style = address.choice("style", ("path", "virtual") if resource.endpoint else ("auto", "path", "virtual"))
        self._options = _object_options(resource)
        self._body, self._secrets = body_of(resource, labels), resource.secrets
        self._client = Client("s3", resource, region_of(resource), s3={"addressing_style": style})

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Write one object. A repeat of the same deliveries replaces it with the same content."""
        lines = b"".join(_encode(self._body(each)) + b"\n" for each in deliveries)
        body = _compressed(lines) if self._compresses else lines
        checksum = hashlib.md5(body, usedforsecurity=False).digest()  # every compatible service checks this one
        try:
            response = self._client.call(
                "put_object", Bucket=self._bucket, Key=self.key(deliveries), Body=body,
                ContentMD5=base64.b64encode(checksum).decode(), **self._options,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001  # outcome_of raises what is not botocore's
            return outcome_of(error, self._secrets)
        return Outcome(Verdict.DELIVERED, 200) if "ETag" in response else NOT_AWS

    def key(self, deliveries: Sequence[Delivery]) -> str:
        """The object's key: the prefix, when the first was added, and ids. Nothing of an alert's text."""
        added = datetime.fromtimestamp(deliveries[0].created_ns // 1_000_000_000, UTC)
        identity = ",".join(f"{each.alert.id}-{each.id}" for each in deliveries)
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        ending = "jsonl.gz" if self._compresses else "jsonl"
        return f"{self._prefix}{added:%Y/%m/%d/%Y%m%dT%H%M%SZ}-{deliveries[0].id}-{digest}.{ending}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _compressed(lines: bytes) -> bytes:
    """The same bytes for the same lines: zlib writes no time into the header."""
    compressor = zlib.compressobj(6, wbits=_GZIP)
    return compressor.compress(lines) + compressor.flush()


def _object_options(resource: Resource) -> dict[str, Any]:
    """Encryption, storage class and permissions of the objects, and their type."""
    address = resource.address
    encryption, key = address.choice("sse", _ENCRYPTION), address.one("kms-key")
    if key and not encryption.startswith("aws:kms"):
        raise ChannelError("has `kms-key` without `sse=aws:kms`")
    options: dict[str, Any] = {}
    if encryption != "none":
        options["ServerSideEncryption"] = encryption
    if key:
        options["SSEKMSKeyId"] = key
    for name, option in (("storage-class", "StorageClass"), ("acl", "ACL")):
        if value := address.one(name):
            if not _NAME.fullmatch(value):
                raise ChannelError(f"has an invalid `{name}`")
            options[option] = value
    # No Content-Encoding: some services would unpack what they serve, although the name ends in .gz.
    is_plain = address.choice("compression", ("gzip", "none")) == "none"
    return options | {"ContentType": "application/x-ndjson" if is_plain else "application/gzip"}
