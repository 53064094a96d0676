"""``alertmanager://`` and ``alertmanagers://``: alerts to a Prometheus Alertmanager by its API v2.

Alertmanager knows an alert by its labels: those that do not change from one event to the next, so that repeats are one
alert that goes on. Everything else is told in annotations (github.com/prometheus/alertmanager, api/v2/openapi.yaml).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import headline
from bridge.channels.native.address import Address
from bridge.channels.native.endpoint import Endpoint
from bridge.channels.native.labels import alert_labels, label_name, label_value, static_labels
from bridge.common.text import shortened, visible
from bridge.common.times import iso_text
from bridge.delivery.delivery import Delivery

PARAMETERS = ("hold", "generator", "cafile")
_ALERTS = "/api/v2/alerts"
_HOLD = "1h"
_LONGEST_HOLD = 7 * 24 * 3600.0
_LABELLED = ("k8s.pod.name", "container.name")
_LONGEST_VALUE = 1000
_LONGEST_OUTPUT = 4000
_MOST_FIELDS = 100
_SECOND = 1_000_000_000
_encode = msgspec.json.Encoder().encode


class AlertmanagerChannel:
    """One Alertmanager."""

    batch_size = 100
    digest_limit = batch_size

    def __init__(
        self, name: str, address: Address, labels: Mapping[str, str], now: Callable[[], float] = time.time
    ) -> None:
        """Raises ChannelError where the address cannot be used."""
        self.name = name
        self._labels = labels
        self._static = static_labels(labels, address.labels)
        self._hold_ns = int(address.seconds("hold", _HOLD, _LONGEST_HOLD) * _SECOND)
        self._generator = _generator(address.one("generator"))
        self._now = now
        path = address.path.rstrip("/")
        self._endpoint = Endpoint(address, path if path.endswith(_ALERTS) else path + _ALERTS)

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Post them all."""
        body = _encode([self._alert(each) for each in deliveries])
        return self._endpoint.post(body, {"Content-Type": "application/json"})

    def close(self) -> None:
        """Let go of its connections."""
        self._endpoint.close()

    def _alert(self, delivery: Delivery) -> dict[str, object]:
        """It ends ``hold`` after it is sent: counted from the event, a delayed one would be over on arrival."""
        alert = delivery.alert
        now_ns = int(self._now() * _SECOND)
        told: dict[str, object] = {
            "labels": self._static | _labels(delivery),
            "annotations": self._annotations(delivery),
            "startsAt": iso_text(min(alert.time_ns, now_ns)),
            "endsAt": iso_text(now_ns + self._hold_ns),
        }
        return told | ({"generatorURL": self._generator} if self._generator else {})

    def _annotations(self, delivery: Delivery) -> dict[str, str]:
        alert = delivery.alert
        fields = sorted(alert.fields.items())[:_MOST_FIELDS]
        told = {
            label_name(name): shortened(visible(value[: _LONGEST_VALUE * 2]), _LONGEST_VALUE) for name, value in fields
        }
        told |= {
            "summary": headline(delivery, self._labels),
            "description": shortened(visible(shortened(alert.output, _LONGEST_OUTPUT), keep="\n"), _LONGEST_OUTPUT),
            "routes": ", ".join(delivery.notification.routes),
            "tags": ", ".join(alert.tags),
            "time": iso_text(alert.time_ns),
            "alert_id": alert.id,
        }
        return {name: value for name, value in told.items() if value}


def _labels(delivery: Delivery) -> dict[str, str]:
    alert = delivery.alert
    told = {"alertname": alert.rule or "Falco alert", "severity": delivery.notification.severity.word}
    told |= {label_name(field): value for field in _LABELLED if (value := alert.get(field))}
    return alert_labels(alert) | {name: label_value(value) for name, value in told.items()}


def _generator(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ChannelError("has a `generator` that is no http:// or https:// URL")
    return url
