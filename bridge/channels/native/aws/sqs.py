"""``sqs://``: each alert as a message of an Amazon SQS queue, ten a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.aws.client import Client
from bridge.channels.native.aws.errors import NOT_AWS, entry_outcome, outcome_of
from bridge.channels.native.aws.resource import Resource, region_of
from bridge.channels.native.cloud.bodies import body_of, bounded_lines, order_group, repeat_id, valid_text
from bridge.delivery.delivery import Delivery
from bridge.delivery.outcome import summarized

PARAMETERS = ()
_QUEUE = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?/[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,80}(?:\.fifo)?")
_LIMIT = 256 * 1024
"""Bytes of a request, and of a message in it. AWS accepts a megabyte since 2025; other services do not."""


class SqsChannel:
    """The channel of one queue."""

    batch_size = 10
    digest_limit = batch_size

    def __init__(self, name: str, resource: Resource, labels: Mapping[str, str]) -> None:
        """Raises ChannelError if the queue or a parameter is invalid, or botocore is not installed."""
        self.name = name
        if not _QUEUE.fullmatch(resource.name):
            raise ChannelError(
                "has no URL of a queue; replace its https:// with sqs://, as in "
                "sqs://sqs.eu-central-1.amazonaws.com/123456789012/NAME"
            )
        _, _, path = resource.name.partition("/")
        self._url = f"{resource.endpoint}/{path}" if resource.endpoint else f"https://{resource.name}"
        self._is_fifo = path.endswith(".fifo")
        self._body, self._secrets = body_of(resource.address, labels), resource.secrets
        self._client = Client("sqs", resource, region_of(resource))

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send all deliveries in one request. The queue answers for each of them."""
        try:
            response = self._client.call("send_message_batch", QueueUrl=self._url, Entries=self.entries(deliveries))
        except Exception as error:  # noqa: BLE001  # outcome_of raises what is not botocore's
            return outcome_of(error, self._secrets)
        return outcome_of_entries(response, len(deliveries), self._secrets)

    def entries(self, deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
        """The entries of the request; their ids are their positions."""
        lines = bounded_lines([self._body(each) for each in deliveries], _LIMIT, _LIMIT)
        pairs = enumerate(zip(deliveries, lines, strict=True))
        return [{"Id": str(at), "MessageBody": valid_text(line), **self._order(each)} for at, (each, line) in pairs]

    def _order(self, delivery: Delivery) -> dict[str, str]:
        if not self._is_fifo:
            return {}
        return {"MessageGroupId": order_group(delivery), "MessageDeduplicationId": repeat_id(delivery)}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def outcome_of_entries(response: Mapping[str, Any], count: int, secrets: frozenset[str]) -> Outcome:
    """The outcome of a batch from the answers of SQS or SNS, which name its entries by their positions."""
    failed = {each["Id"]: each for each in response.get("Failed", ())}
    accepted = {each["Id"] for each in response.get("Successful", ())}
    missing = NOT_AWS if not failed and not accepted else Outcome(Verdict.RETRY, 200, "AWS: no answer for this message")
    outcomes = [
        Outcome(Verdict.DELIVERED, 200) if str(at) in accepted else _refused(failed.get(str(at)), secrets) or missing
        for at in range(count)
    ]
    return summarized(outcomes)


def _refused(entry: Mapping[str, Any] | None, secrets: frozenset[str]) -> Outcome | None:
    if entry is None:
        return None
    outcome = entry_outcome(str(entry.get("Code", "")), str(entry.get("Message", "")), secrets)
    is_temporary = outcome.verdict is Verdict.REJECTED and entry.get("SenderFault") is False
    return Outcome(Verdict.RETRY, 500, outcome.reason) if is_temporary else outcome
