"""A delivery as JSON for machines: Falco's own object, and beside it what the bridge made of the alert."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from bridge.alert.forms.falco_json import falco_json
from bridge.channels.message.compose import headline_of
from bridge.delivery.delivery import Delivery

OURS = "falco_bridge"
"""The member that holds what the bridge adds; every other one is Falco's."""


def alert_body(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, object]:
    """Falco's object with one member more. The same delivery is always the same body, so that a repeat is known."""
    notification = delivery.notification
    return {
        **falco_json(delivery.alert),
        OURS: {
            "id": delivery.alert.id,
            "delivery": delivery.id,
            "routes": notification.routes,
            "severity": notification.severity.word,
            "title": headline(delivery, labels),
            "labels": labels,
        },
    }


def headline(delivery: Delivery, labels: Mapping[str, str]) -> str:
    """The line that a person would read first."""
    return f"[{delivery.notification.severity.name}] {headline_of(delivery, labels)}"


def falcosidekick_body(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, object]:
    """What falcosidekick's webhook output posts (types/types.go, ``FalcoPayload``).

    The labels stand among the output fields, as its ``customfields`` do; the ``uuid`` is made from the alert's id.
    """
    body = falco_json(delivery.alert)
    fields = body["output_fields"]
    assert isinstance(fields, dict)
    body["output_fields"] = {**fields, **labels}
    return {"uuid": str(uuid.UUID(delivery.alert.id)), **body}
