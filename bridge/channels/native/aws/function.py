"""``lambda://``: each alert as an event of an AWS Lambda function, which runs asynchronously."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.aws.client import Client
from bridge.channels.native.aws.errors import NOT_AWS, outcome_of
from bridge.channels.native.aws.resource import Resource, region_of
from bridge.channels.native.cloud.bodies import body_of
from bridge.channels.native.shared.json_line import json_line
from bridge.delivery.delivery import Delivery

PARAMETERS = ("qualifier",)
_FUNCTION = re.compile(r"[A-Za-z0-9_-]{1,140}|arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,140}")
_QUALIFIER = re.compile(r"[A-Za-z0-9_$-]{1,128}")
_LIMIT = 256 * 1024
"""Bytes of an asynchronous event."""


class LambdaChannel:
    """The channel of one function. Lambda retries a function that fails; the delivery is its acceptance."""

    batch_size = digest_limit = 1

    def __init__(self, name: str, resource: Resource, labels: Mapping[str, str]) -> None:
        """Raises ChannelError if the function or a parameter is invalid, or botocore is not installed."""
        self.name = name
        if not _FUNCTION.fullmatch(resource.name):
            raise ChannelError("has no valid name or ARN of a function; write lambda://NAME?region=REGION")
        qualifier = resource.address.one("qualifier")
        if qualifier and not _QUALIFIER.fullmatch(qualifier):
            raise ChannelError("has an invalid `qualifier`; write a version or the name of an alias")
        self._where = {"FunctionName": resource.name} | ({"Qualifier": qualifier} if qualifier else {})
        self._body, self._secrets = body_of(resource.address, labels), resource.secrets
        self._client = Client("lambda", resource, region_of(resource))

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Hand over one event."""
        payload = json_line(self._body(deliveries[0]), _LIMIT)
        try:
            response = self._client.call("invoke", **self._where, InvocationType="Event", Payload=payload)
        except Exception as error:  # noqa: BLE001  # outcome_of raises what is not botocore's
            return outcome_of(error, self._secrets)
        return Outcome(Verdict.DELIVERED, 202) if response.get("StatusCode") == 202 else NOT_AWS

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
