"""``sns-topic://``: each alert as a message of an Amazon SNS topic, ten a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body, falcosidekick_body, headline
from bridge.channels.message.compose import message_of
from bridge.channels.message.message import Message
from bridge.channels.native.aws.client import Client
from bridge.channels.native.aws.errors import outcome_of
from bridge.channels.native.aws.resource import Resource, region_of
from bridge.channels.native.aws.sqs import outcome_of_entries
from bridge.channels.native.cloud.bodies import bounded_lines, order_group, repeat_id, valid_text
from bridge.channels.render import plain
from bridge.common.text import one_line, shortened
from bridge.delivery.delivery import Delivery

PARAMETERS = ()
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d*:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")
_LIMIT = 256 * 1024
_ATTRIBUTES = 600
"""Room for the subject and the attributes of a message, which count too."""
_SUBJECT = 100
_TEXT = 6000
"""Characters of a text for people: ten of them fit into a request, whatever the alphabet."""
_VALUE = 100


class SnsChannel:
    """The channel of one topic."""

    batch_size = 10
    digest_limit = batch_size

    def __init__(self, name: str, resource: Resource, labels: Mapping[str, str]) -> None:
        """Raises ChannelError if the topic or a parameter is invalid, or botocore is not installed."""
        self.name = name
        if not _TOPIC.fullmatch(resource.name):
            raise ChannelError(
                "has no ARN of a topic; write sns-topic://ARN, as in sns-topic://arn:aws:sns:eu-central-1:123456789012:NAME"
            )
        self._topic = resource.name
        self._labels = {**labels, **resource.address.labels}
        self._format = resource.address.choice("format", ("falco", "falcosidekick", "text"))
        self._secrets = resource.secrets
        self._client = Client("sns", resource, region_of(resource))

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Publish all deliveries in one request. The topic answers for each of them."""
        entries = self.entries(deliveries)
        try:
            response = self._client.call("publish_batch", TopicArn=self._topic, PublishBatchRequestEntries=entries)
        except Exception as error:  # noqa: BLE001  # outcome_of raises what is not botocore's
            return outcome_of(error, self._secrets)
        return outcome_of_entries(response, len(deliveries), self._secrets)

    def entries(self, deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
        """The entries of the request; their ids are their positions."""
        pairs = enumerate(zip(deliveries, self._messages(deliveries), strict=True))
        return [
            {
                "Id": str(at),
                "Message": message,
                "Subject": subject(headline(each, self._labels)),
                "MessageAttributes": _attributes(each),
                **self._order(each),
            }
            for at, (each, message) in pairs
        ]

    def _messages(self, deliveries: Sequence[Delivery]) -> list[str]:
        room = _LIMIT - len(deliveries) * _ATTRIBUTES
        if self._format == "text":
            return [_text(message_of([each], self._labels)) for each in deliveries]
        make = alert_body if self._format == "falco" else falcosidekick_body
        bodies = [make(each, self._labels) for each in deliveries]
        return [valid_text(line) for line in bounded_lines(bodies, room, room)]

    def _order(self, delivery: Delivery) -> dict[str, str]:
        if not self._topic.endswith(".fifo"):
            return {}
        return {"MessageGroupId": order_group(delivery), "MessageDeduplicationId": repeat_id(delivery)}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _text(message: Message) -> str:
    """A text message (SMS) of the topic has no subject, so the first line is in the text."""
    return f"{message.subject}\n{plain.body(message, _TEXT - len(message.subject) - 1)}"


def subject(text: str) -> str:
    """A subject that SNS accepts: one line of at most 100 characters of ASCII, which begins with a letter or sign."""
    ascii_only = one_line(text, 4 * _SUBJECT).encode("ascii", "replace").decode()
    return shortened(ascii_only, _SUBJECT).encode("ascii", "replace").decode().strip() or "Falco alert"


def _attributes(delivery: Delivery) -> dict[str, dict[str, str]]:
    """Few values for the filter policies of subscriptions, of a bounded length."""
    alert, severity = delivery.alert, delivery.notification.severity.word
    values = {"rule": alert.rule, "source": alert.source, "priority": str(alert.priority), "severity": severity}
    shown = {name: one_line(value, _VALUE) for name, value in values.items()}
    return {name: {"DataType": "String", "StringValue": value} for name, value in shown.items() if value.strip()}
