"""``alertmanager://`` and ``alertmanagers://``: alerts for Prometheus Alertmanager, through its API v2.

Alertmanager identifies an alert by its labels. So labels hold only what is the same for every repeat of an alert; all
other values are annotations (github.com/prometheus/alertmanager, api/v2/openapi.yaml).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import headline
from bridge.channels.message.compose import chosen_rows, incident_of, links_of
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.endpoint import Endpoint
from bridge.channels.native.shared.labels import (
    ALERT_LABELS,
    alert_labels,
    label_name,
    label_value,
    static_labels,
    with_label_names,
)
from bridge.common.clocks.times import iso_text
from bridge.common.text import shortened, visible
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras
from bridge.routing import NotificationKind

PARAMETERS = ("hold", "generator", "cafile")
_ALERTS = "/api/v2/alerts"
_DEFAULT_HOLD = "1h"
_MAX_HOLD = 7 * 24 * 3600.0
_LABEL_FIELDS = ("k8s.pod.name", "container.name")
_ALERT_NAMES = (*ALERT_LABELS, "alertname", "severity", *map(label_name, _LABEL_FIELDS))
_MAX_VALUE = 1000
_MAX_OUTPUT = 4000
_MAX_FIELDS = 100
_SECOND = 1_000_000_000
_encode = msgspec.json.Encoder().encode


class AlertmanagerChannel:
    """The channel of one Alertmanager."""

    batch_size = 100
    digest_limit = batch_size

    def __init__(
        self,
        name: str,
        address: Address,
        labels: Mapping[str, str],
        now: Callable[[], float] = time.time,
        *,
        extras: ChannelExtras = NO_EXTRAS,
    ) -> None:
        """Raises ChannelError if the address cannot be used."""
        self.name = name
        self._labels = labels
        self._static = static_labels(labels, address.labels, _ALERT_NAMES)
        self._hold_ns = int(address.seconds("hold", _DEFAULT_HOLD, _MAX_HOLD) * _SECOND)
        self._generator = _generator(address.one("generator"))
        self._now = now
        path = address.path.rstrip("/")
        self._endpoint = Endpoint(address, path if path.endswith(_ALERTS) else path + _ALERTS, name=name, extras=extras)
        self.address = self._endpoint.address

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Post all deliveries in one request."""
        return self._endpoint.post(self.body(deliveries), {"Content-Type": "application/json"})

    def body(self, deliveries: Sequence[Delivery]) -> bytes:
        """The body of the request."""
        return _encode([self._alert(each) for each in deliveries])

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _alert(self, delivery: Delivery) -> dict[str, object]:
        """One alert of the API.

        ``endsAt`` counts from now, not from the event: a delayed alert would already have ended when it arrives.
        """
        alert = delivery.alert
        now_ns = int(self._now() * _SECOND)
        body: dict[str, object] = {
            "labels": self._static | _labels(delivery),
            "annotations": self._annotations(delivery),
            "startsAt": iso_text(min(alert.time_ns, now_ns)),
            "endsAt": iso_text(now_ns if _is_resolved(delivery) else now_ns + self._hold_ns),
        }
        return body | ({"generatorURL": self._generator} if self._generator else {})

    def _annotations(self, delivery: Delivery) -> dict[str, str]:
        alert = delivery.alert
        chosen = chosen_rows(delivery, self._labels)
        rows = sorted(alert.fields.items()) if chosen is None else [(row.name, row.value) for row in chosen]
        fields = {name: shortened(visible(value[: _MAX_VALUE * 2]), _MAX_VALUE) for name, value in rows[:_MAX_FIELDS]}
        own = {
            "summary": headline(delivery, self._labels),
            "description": shortened(visible(shortened(alert.output, _MAX_OUTPUT), keep="\n"), _MAX_OUTPUT),
            "routes": ", ".join(delivery.notification.routes),
            "tags": ", ".join(alert.tags),
            "time": iso_text(alert.time_ns),
            "alert_id": alert.id,
            "links": "\n".join(f"{link.name}: {link.url}" for link in links_of(delivery, self._labels)),
        }
        if incident_of(delivery):  # its labels are the same for all of its alerts
            own |= alert_labels(alert) | {"rule": alert.rule}
        annotations = own | with_label_names(fields, own)
        return {name: value for name, value in annotations.items() if value}


def _labels(delivery: Delivery) -> dict[str, str]:
    """What identifies the alert: the incident, for any of its alerts, or the alert's own labels."""
    alert, notification = delivery.alert, delivery.notification
    if incident := incident_of(delivery):
        route = label_value(notification.routes[0])
        return {"alertname": route, "incident": incident, "severity": notification.severity.word}
    values = {"alertname": alert.rule.strip() or "Falco alert", "severity": delivery.notification.severity.word}
    values |= {label_name(field): value for field in _LABEL_FIELDS if (value := alert.get(field))}
    return alert_labels(alert) | {name: label_value(value) for name, value in values.items()}


def _is_resolved(delivery: Delivery) -> bool:
    """Whether the delivery says that its incident has ended."""
    context = delivery.notification.context
    return context is not None and context.kind is NotificationKind.RESOLVED


def _generator(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ChannelError("has an invalid `generator`; write an http:// or https:// URL")
    return url
