"""``kinesis://``: each alert as a record of an Amazon Kinesis data stream, up to 500 a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.aws.client import Client
from bridge.channels.native.aws.errors import NOT_AWS, entry_outcome, outcome_of
from bridge.channels.native.aws.resource import Resource, region_of
from bridge.channels.native.cloud.bodies import body_of, bounded_lines, order_group, spread_key
from bridge.delivery.delivery import Delivery
from bridge.delivery.outcome import summarized

PARAMETERS = ("ordering",)
_STREAM = re.compile(r"[A-Za-z0-9_./-]{1,250}")
"""A name; Yandex has slashes in them."""
_RECORD, _REQUEST = 1_000_000, 4_500_000
"""Bytes of a record and of a request, with room for the partition keys."""


class KinesisChannel:
    """The channel of one data stream."""

    batch_size = 500
    digest_limit = batch_size

    def __init__(self, name: str, resource: Resource, labels: Mapping[str, str]) -> None:
        """Raises ChannelError if the stream or a parameter is invalid, or botocore is not installed."""
        self.name = name
        stream = resource.name.strip("/")
        if not _STREAM.fullmatch(stream):
            raise ChannelError("has no valid name of a stream; write kinesis://NAME?region=REGION")
        self._stream = f"/{stream}" if "/" in stream else stream
        self._key = order_group if resource.address.choice("ordering", ("no", "yes")) == "yes" else spread_key
        self._body, self._secrets = body_of(resource.address, labels), resource.secrets
        self._client = Client("kinesis", resource, region_of(resource))

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Put all deliveries in one request. The stream answers for each of them."""
        lines = bounded_lines([self._body(each) for each in deliveries], _RECORD, _REQUEST)
        pairs = zip(deliveries, lines, strict=True)
        records = [{"Data": line, "PartitionKey": self._key(each)} for each, line in pairs]
        try:
            response = self._client.call("put_records", StreamName=self._stream, Records=records)
        except Exception as error:  # noqa: BLE001  # outcome_of raises what is not botocore's
            return outcome_of(error, self._secrets)
        answers = response.get("Records", ())
        return summarized([self._outcome(each) for each in answers]) if len(answers) == len(records) else NOT_AWS

    def _outcome(self, record: Mapping[str, Any]) -> Outcome:
        if code := record.get("ErrorCode"):
            return entry_outcome(str(code), str(record.get("ErrorMessage", "")), self._secrets)
        return Outcome(Verdict.DELIVERED, 200)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
