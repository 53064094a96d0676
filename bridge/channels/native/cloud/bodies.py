"""The JSON and the keys of deliveries for the services of clouds. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.channels.message.alert_body import alert_body, falcosidekick_body
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.json_line import json_line
from bridge.delivery.delivery import Delivery

Body = Callable[[Delivery], dict[str, Any]]
_FORMATS = {"falco": alert_body, "falcosidekick": falcosidekick_body}


def body_of(address: Address, labels: Mapping[str, str]) -> Body:
    """The function that makes the JSON of a delivery, in the URL's ``format``. Raises ChannelError."""
    make = _FORMATS[address.choice("format", tuple(_FORMATS))]
    all_labels = {**labels, **address.labels}
    return lambda delivery: make(delivery, all_labels)


def bounded_lines(bodies: Sequence[dict[str, Any]], limit: int, total: int) -> list[bytes]:
    """The JSON of each, in at most ``limit`` bytes each and ``total`` bytes together.

    If they are too many bytes together, those that are longer than an equal share are cut to it.
    """
    lines = [json_line(body, limit) for body in bodies]
    if sum(map(len, lines)) <= total:
        return lines
    share = total // len(lines)
    pairs = zip(bodies, lines, strict=True)
    return [line if len(line) <= share else json_line(body, share) for body, line in pairs]


def valid_text(line: bytes) -> str:
    """The JSON as a text that SQS and SNS accept: two characters that XML has not are escaped.

    Otherwise they would refuse an alert for a command line with one of them.
    """
    return line.decode().replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")


def order_group(delivery: Delivery) -> str:
    """The same for deliveries whose order matters: those of an incident, and of a route. No text of an alert."""
    context = delivery.notification.context
    group = (context.incident if context is not None else "") or delivery.notification.routes[0]
    return hashlib.sha256(group.encode("utf-8", "replace")).hexdigest()[:32]


def spread_key(delivery: Delivery) -> str:
    """The same for the deliveries of an incident, and another one for each other alert."""
    context = delivery.notification.context
    return order_group(delivery) if context is not None and context.incident else delivery.alert.id


def repeat_id(delivery: Delivery) -> str:
    """The same for each attempt: the alert's id, with the delivery's for a later message about the same alert."""
    is_first = delivery.notification.context is None
    return delivery.alert.id if is_first else f"{delivery.alert.id}-{delivery.id}"
