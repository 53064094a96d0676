"""A delivery as JSON for programs: Falco's own object with one additional member."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from bridge.alert.forms.falco_json import falco_json
from bridge.channels.message.compose import full_headline_of, links_of
from bridge.common.clocks.times import iso_text
from bridge.delivery.delivery import Delivery
from bridge.routing import NotificationContext

BRIDGE_MEMBER = "falco_bridge"
"""The member that the bridge adds to Falco's object."""


def alert_body(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, object]:
    """Falco's object with the bridge's member. The same for every attempt, so that receivers can detect repeats."""
    notification = delivery.notification
    return {
        **falco_json(delivery.alert),
        BRIDGE_MEMBER: {
            "id": delivery.alert.id,
            "delivery": delivery.id,
            "routes": notification.routes,
            "severity": notification.severity.word,
            "title": headline(delivery, labels),
            "labels": labels,
            **_links(delivery, labels),
            **({} if notification.context is None else _context(notification.context)),
        },
    }


def _links(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, object]:
    links = links_of(delivery, labels)
    return {"links": [{"name": link.name, "url": link.url} for link in links]} if links else {}


def _context(context: NotificationContext) -> dict[str, object]:
    """What clauses with memory add to the bridge's member."""
    return {
        "kind": context.kind.value,
        "count": context.count,
        "suppressed": context.suppressed,
        "first": iso_text(context.first_ns),
        "last": iso_text(context.last_ns),
        "incident": context.incident,
        "key": context.key,
        "alerts": context.alerts,
        "values": context.values,
    }


def headline(delivery: Delivery, labels: Mapping[str, str]) -> str:
    """The message's first line: ``[CRITICAL] rm -rf in payments (+3 held back)``."""
    context = delivery.notification.context
    held_back = f" (+{context.held_back} held back)" if context is not None and context.held_back else ""
    return f"[{delivery.notification.severity.name}] {full_headline_of(delivery, labels)}{held_back}"


def falcosidekick_body(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, object]:
    """The JSON that falcosidekick's webhook output posts (types/types.go, ``FalcoPayload``).

    The labels are among the output fields, like its ``customfields``. ``uuid`` is derived from the alert's id.
    """
    body = falco_json(delivery.alert)
    fields = body["output_fields"]
    assert isinstance(fields, dict)
    body["output_fields"] = {**fields, **labels}
    return {"uuid": str(uuid.UUID(delivery.alert.id)), **body}
