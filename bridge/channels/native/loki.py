"""``loki://`` and ``lokis://``: alerts as log lines in Grafana Loki, by its push API, a few labels and no more.

Loki keeps an index entry and an open chunk for every combination of label values: what varies from alert to alert
belongs into the line. It knows a repeated line by its stream, its time and its text, so an entry has the alert's own
time, and a delivery that is sent again changes nothing (grafana.com/docs/loki/latest/reference/loki-http-api).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bridge.alert import Alert
from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body
from bridge.channels.native.address import Address
from bridge.channels.native.endpoint import Endpoint
from bridge.channels.native.labels import ALERT_LABELS, alert_labels, label_value, static_labels
from bridge.delivery.delivery import Delivery

PARAMETERS = ("tenant", "cafile")
_PUSH = "/loki/api/v1/push"
_TENANT = re.compile(r"[A-Za-z0-9!._*'()-]{1,150}")
"""What Loki takes for a tenant's name; several are joined by ``|``, to read with only."""
_MOST_LABELS = 15
"""Loki's ``max_label_names_per_series``."""
_COMPRESSED_FROM = 4096
"""Bytes. A hundred alerts shrink to a tenth for 1.5 ms of CPU; a lone one is as well sent as it is."""
_GZIP = 31
_encode = msgspec.json.Encoder().encode


class LokiChannel:
    """One Loki, one tenant."""

    batch_size = 500
    digest_limit = batch_size

    def __init__(self, name: str, address: Address, labels: Mapping[str, str]) -> None:
        """Raises ChannelError where the address cannot be used."""
        self.name = name
        self._labels = labels
        self._static = static_labels(labels, address.labels)
        most = _MOST_LABELS - len(("rule", *ALERT_LABELS))
        if len(self._static) > most:
            raise ChannelError(
                f"has {len(self._static)} labels of its own, and Loki takes {most} beside those of an alert"
            )
        self._endpoint = Endpoint(address, _push_path(address.path), _tenant(address))

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Push them all, each stream in the order of time."""
        return self._endpoint.post(*self.request(deliveries))

    def request(self, deliveries: Sequence[Delivery]) -> tuple[bytes, dict[str, str]]:
        """The body to push, and the headers that go with it."""
        streams: dict[tuple[tuple[str, str], ...], list[tuple[int, str]]] = {}
        for each in deliveries:
            line = _encode(alert_body(each, self._labels)).decode()
            streams.setdefault(tuple(_labels(each.alert)), []).append((each.alert.time_ns, line))
        body = _encode({"streams": [self._stream(dict(labels), entries) for labels, entries in streams.items()]})
        headers = {"Content-Type": "application/json"}
        if len(body) >= _COMPRESSED_FROM:
            packer = zlib.compressobj(1, wbits=_GZIP)
            body = packer.compress(body) + packer.flush()
            headers["Content-Encoding"] = "gzip"
        return body, headers

    def _stream(self, labels: dict[str, str], entries: list[tuple[int, str]]) -> dict[str, object]:
        return {
            "stream": self._static | labels,
            "values": [(str(time_ns), line) for time_ns, line in sorted(entries)],
        }

    def close(self) -> None:
        """Let go of its connections."""
        self._endpoint.close()


def _labels(alert: Alert) -> Iterator[tuple[str, str]]:
    if alert.rule:
        yield "rule", label_value(alert.rule)
    yield from alert_labels(alert).items()


def _push_path(path: str) -> str:
    """Where to push: the API's own path, behind whatever the URL names; or that itself where it names it whole."""
    path = path.rstrip("/")
    return path if path.endswith("/push") else f"{path}{_PUSH}"


def _tenant(address: Address) -> dict[str, str]:
    tenant = address.one("tenant")
    if not tenant:
        return {}
    if not _TENANT.fullmatch(tenant):
        raise ChannelError("has a `tenant` that Loki does not take: letters, digits and !._*'()- only")
    return {"X-Scope-OrgID": tenant}
