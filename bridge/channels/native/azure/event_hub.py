"""``eventhub://``: each alert as an event of an Azure event hub, many a request, through its REST API.

The API is that of learn.microsoft.com/rest/api/eventhub/send-batch-events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import msgspec

from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.native.azure.tokens import Identity, SharedKey
from bridge.channels.native.cloud.bodies import body_of, bounded_lines, repeat_id
from bridge.channels.native.cloud.place import split_place
from bridge.channels.native.cloud.service import Service
from bridge.common.text import one_line
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import ChannelExtras

PARAMETERS = ("endpoint", "cafile", "format")
_HUB = re.compile(r"[A-Za-z0-9.-]{3,250}(?::\d{1,5})?/[A-Za-z0-9][A-Za-z0-9._-]{0,255}")
_REQUEST = 180_000
"""Bytes of the JSON in a request, which becomes longer inside of JSON: 256 KB are accepted in the basic tier."""
_CREATED = 201
_VALUE = 200
_encode = msgspec.json.Encoder().encode


class EventHubChannel:
    """The channel of one event hub."""

    batch_size = 50
    digest_limit = batch_size

    def __init__(self, name: str, url: str, labels: Mapping[str, str], extras: ChannelExtras) -> None:
        """Raises ChannelError if the hub or a parameter is invalid, or azure-identity is needed and not installed."""
        self.name = name
        login, place, address = split_place(url, PARAMETERS)
        place = place.rstrip("/")
        if not _HUB.fullmatch(place):
            raise ChannelError(
                "has no valid name of an event hub; write eventhub://NAMESPACE.servicebus.windows.net/HUB"
            )
        user, _, key = login.partition(":")
        if bool(user) != bool(key):
            raise ChannelError("has half of a login; write KEY_NAME:KEY@, or no login for the default credentials")
        tokens = SharedKey(f"https://{place}", unquote(user), unquote(key)) if user else Identity()
        host, _, hub = place.partition("/")
        self._body = body_of(address, labels)
        path = f"/{hub}/messages?api-version=2014-01"
        self._service = Service(name, address, f"https://{host}", path, tokens, extras)
        self.address = self._service.address

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send all deliveries in one request, which the hub accepts or refuses as a whole."""
        content_type = "application/vnd.microsoft.servicebus.json"
        return self._service.post(self.request(deliveries), content_type, lambda response: response.status == _CREATED)

    def request(self, deliveries: Sequence[Delivery]) -> bytes:
        """The body of the request."""
        lines = bounded_lines([self._body(each) for each in deliveries], _REQUEST, _REQUEST)
        pairs = zip(deliveries, lines, strict=True)
        return _encode([{"Body": line.decode(), "UserProperties": _properties(each)} for each, line in pairs])

    def close(self) -> None:
        """Close the connections."""
        self._service.close()


def _properties(delivery: Delivery) -> dict[str, str]:
    """Few values of bounded length, for filters of consumers."""
    alert, severity = delivery.alert, delivery.notification.severity.word
    values = {"rule": alert.rule, "source": alert.source, "priority": str(alert.priority), "severity": severity}
    return {name: one_line(value, _VALUE) for name, value in values.items()} | {"id": repeat_id(delivery)}
