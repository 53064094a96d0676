"""``loki://`` and ``lokis://``: alerts as log lines in Grafana Loki, through its push API.

Loki has an index entry and an open chunk for every combination of label values, so values that vary from alert to alert
are in the line, not in labels. Loki drops a line with the same stream, time and text as an earlier one. An entry has
the alert's own time, so a repeated delivery is dropped (grafana.com/docs/loki/latest/reference/loki-http-api).
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
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.endpoint import Endpoint
from bridge.channels.native.shared.json_line import json_line
from bridge.channels.native.shared.labels import ALERT_LABELS, alert_labels, label_value, static_labels
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras

PARAMETERS = ("tenant", "cafile")
_PUSH = "/loki/api/v1/push"
_TENANT = re.compile(r"[A-Za-z0-9!._*'()-]{1,150}")
"""Valid tenant names. Several names joined by ``|`` are for queries only."""
_ALERT_NAMES = ("rule", *ALERT_LABELS)
_MAX_LABELS = 15
"""Loki's ``max_label_names_per_series``."""
_MAX_LINE = 256 * 1024
"""Loki's ``max_line_size``. Loki refuses longer lines."""
_MIN_COMPRESSED = 4096
"""Bytes. A hundred alerts shrink to a tenth for 1.5 ms of CPU; for one alert the gain is small."""
_GZIP = 31
_encode = msgspec.json.Encoder().encode


class LokiChannel:
    """The channel of one Loki and tenant."""

    batch_size = 500
    digest_limit = batch_size

    def __init__(
        self, name: str, address: Address, labels: Mapping[str, str], *, extras: ChannelExtras = NO_EXTRAS
    ) -> None:
        """Raises ChannelError if the address cannot be used."""
        self.name = name
        self._labels = labels
        self._static = static_labels(labels, address.labels, _ALERT_NAMES)
        maximum = _MAX_LABELS - len(_ALERT_NAMES)
        if len(self._static) > maximum:
            raise ChannelError(
                f"has {len(self._static)} labels, but Loki accepts only {maximum} in addition to an alert's"
            )
        self._endpoint = Endpoint(address, _push_path(address.path), _tenant(address), name=name, extras=extras)
        self.address = self._endpoint.address

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Push all deliveries in one request; the entries of a stream are in order of time."""
        return self._endpoint.post(*self.request(deliveries))

    def request(self, deliveries: Sequence[Delivery]) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the request."""
        streams: dict[tuple[tuple[str, str], ...], list[tuple[int, str]]] = {}
        for each in deliveries:
            line = json_line(alert_body(each, self._labels), _MAX_LINE).decode()
            streams.setdefault(tuple(_labels(each.alert)), []).append((each.alert.time_ns, line))
        body = _encode({"streams": [self._stream(dict(labels), entries) for labels, entries in streams.items()]})
        headers = {"Content-Type": "application/json"}
        if len(body) >= _MIN_COMPRESSED:
            compressor = zlib.compressobj(1, wbits=_GZIP)
            body = compressor.compress(body) + compressor.flush()
            headers["Content-Encoding"] = "gzip"
        return body, headers

    def _stream(self, labels: dict[str, str], entries: list[tuple[int, str]]) -> dict[str, object]:
        return {
            "stream": self._static | labels,
            "values": [(str(time_ns), line) for time_ns, line in sorted(entries)],
        }

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()


def _labels(alert: Alert) -> Iterator[tuple[str, str]]:
    if alert.rule.strip():
        yield "rule", label_value(alert.rule)
    yield from alert_labels(alert).items()


def _push_path(path: str) -> str:
    """The push API's path after the URL's prefix, or the URL's own path if it ends in ``/push``."""
    path = path.rstrip("/")
    return path if path.endswith("/push") else f"{path}{_PUSH}"


def _tenant(address: Address) -> dict[str, str]:
    tenant = address.one("tenant")
    if not tenant:
        return {}
    if not _TENANT.fullmatch(tenant):
        raise ChannelError("has an invalid `tenant`; use only letters, digits and !._*'()-")
    return {"X-Scope-OrgID": tenant}
