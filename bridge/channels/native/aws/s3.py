"""``s3://``: alerts as objects in a bucket of Amazon S3 or a compatible service, as compressed lines of JSON."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.aws.client import Client
from bridge.channels.native.aws.errors import NOT_AWS, outcome_of
from bridge.channels.native.aws.resource import Resource, region_of
from bridge.channels.native.cloud.bodies import body_of
from bridge.channels.native.cloud.objects import objects_in
from bridge.channels.native.shared.address import Address
from bridge.delivery.delivery import Delivery

PARAMETERS = ("compression", "style", "sse", "kms-key", "storage-class", "acl")
_ENCRYPTION = ("none", "AES256", "aws:kms", "aws:kms:dsse")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class S3Channel:
    """The channel of one bucket and prefix."""

    batch_size = 1000
    digest_limit = batch_size

    def __init__(self, name: str, resource: Resource, labels: Mapping[str, str]) -> None:
        """Raises ChannelError if a parameter is invalid, or botocore is not installed."""
        self.name = name
        self._objects = objects_in(resource.name, resource.address, "s3")
        address = resource.address
        style = address.choice("style", ("path", "virtual") if resource.endpoint else ("auto", "path", "virtual"))
        self._options = {"ContentType": self._objects.content_type, **_object_options(address)}
        self._body, self._secrets = body_of(resource.address, labels), resource.secrets
        self._client = Client("s3", resource, region_of(resource), s3={"addressing_style": style})

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Write one object. A repeat of the same deliveries replaces it with the same content."""
        body = self._objects.content(deliveries, self._body)
        checksum = hashlib.md5(body, usedforsecurity=False).digest()  # every compatible service checks this one
        try:
            response = self._client.call(
                "put_object", Bucket=self._objects.bucket, Key=self._objects.name(deliveries), Body=body,
                ContentMD5=base64.b64encode(checksum).decode(), **self._options,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001  # outcome_of raises what is not botocore's
            return outcome_of(error, self._secrets)
        return Outcome(Verdict.DELIVERED, 200) if "ETag" in response else NOT_AWS

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _object_options(address: Address) -> dict[str, Any]:
    """Encryption, storage class and permissions of the objects."""
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
    return options
