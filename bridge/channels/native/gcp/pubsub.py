"""``pubsub://``: each alert as a message of a Google Cloud Pub/Sub topic, many a request, through its REST API.

The API is that of cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish. Its client library would
bring twenty packages, and its gRPC does not use the proxies and CAs of the bridge's other channels.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.cloud.bodies import body_of, bounded_lines, order_group, repeat_id
from bridge.channels.native.gcp.service import answer_of, make_service
from bridge.channels.native.shared.address import Address
from bridge.channels.response import Response
from bridge.common.text import one_line
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import ChannelExtras
from bridge.delivery.outcome import summarized

PARAMETERS = ("ordering",)
_API, _SCOPE = "https://pubsub.googleapis.com", "https://www.googleapis.com/auth/pubsub"
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,60}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_TOPIC = re.compile(r"[A-Za-z][A-Za-z0-9._~+-]{2,254}")
_MESSAGE, _REQUEST = 1_000_000, 7_000_000
"""Bytes of a message and of a request, which are 10 MB at most and longer by a third in base64."""
_VALUE = 200
_encode = msgspec.json.Encoder().encode


class PubSubChannel:
    """The channel of one topic."""

    batch_size = 100
    digest_limit = batch_size

    def __init__(
        self, name: str, place: str, address: Address, labels: Mapping[str, str], extras: ChannelExtras
    ) -> None:
        """Raises ChannelError if the topic or a parameter is invalid, or google-auth is not installed."""
        self.name = name
        project, _, topic = place.removeprefix("projects/").replace("/topics/", "/").partition("/")
        if not _PROJECT.fullmatch(project) or not _TOPIC.fullmatch(topic):
            raise ChannelError("has no valid name of a topic; write pubsub://PROJECT/TOPIC")
        self._is_ordered = address.choice("ordering", ("no", "yes")) == "yes"
        self._body, self._own = body_of(address, labels), address.labels
        path = f"/v1/projects/{project}/topics/{topic}:publish"
        self._service = make_service(name, address, _API, path, _SCOPE, extras)
        self.address = self._service.address

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Publish all deliveries in one request; in order, one for each order key, as the service demands."""
        if not self._is_ordered:
            return self._publish(deliveries)
        groups: dict[str, list[int]] = {}
        for at, each in enumerate(deliveries):
            groups.setdefault(order_group(each), []).append(at)
        if len(groups) == 1:
            return self._publish(deliveries)
        outcomes = dict[int, Outcome]()
        failed: Outcome | None = None
        for places in groups.values():
            outcome = failed or self._publish([deliveries[at] for at in places])
            outcomes |= dict.fromkeys(places, outcome)
            failed = outcome if outcome.verdict is not Verdict.DELIVERED else None
        return _of_groups([outcomes[at] for at in range(len(deliveries))])

    def request(self, deliveries: Sequence[Delivery]) -> bytes:
        """The body of the request."""
        lines = bounded_lines([self._body(each) for each in deliveries], _MESSAGE, _REQUEST)
        pairs = zip(deliveries, lines, strict=True)
        return _encode({"messages": [self._message(each, line) for each, line in pairs]})

    def _message(self, delivery: Delivery, line: bytes) -> dict[str, Any]:
        alert, severity = delivery.alert, delivery.notification.severity.word
        values = {"rule": alert.rule, "source": alert.source, "priority": str(alert.priority), "severity": severity}
        attributes = {name: one_line(value, _VALUE) for name, value in values.items()}
        attributes |= {"id": repeat_id(delivery), **self._own}
        message = {"data": base64.b64encode(line).decode(), "attributes": attributes}
        return message | ({"orderingKey": order_group(delivery)} if self._is_ordered else {})

    def _publish(self, deliveries: Sequence[Delivery]) -> Outcome:
        def is_success(response: Response) -> bool:
            answer = answer_of(response)
            ids = answer.get("messageIds") if isinstance(answer, dict) else None
            return isinstance(ids, list) and len(ids) == len(deliveries)

        return self._service.post(self.request(deliveries), "application/json", is_success)

    def close(self) -> None:
        """Close the connections."""
        self._service.close()


def _of_groups(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of a batch, where one request may have been refused. What is undecided is tried again alone."""
    if all(each.verdict is not Verdict.DELIVERED for each in outcomes):
        return outcomes[0]
    undecided = Verdict.AMBIGUOUS, Verdict.REJECTED
    tried = [
        Outcome(Verdict.RETRY, each.status, each.reason) if each.verdict in undecided else each for each in outcomes
    ]
    return summarized(tried)
