"""Encodes an alert as JSON with text values, for storage."""

from __future__ import annotations

import msgspec

from bridge.alert.alert import Alert
from bridge.common.clocks.times import iso_text


def encode_json(alert: Alert) -> bytes:
    """One line without a newline. ``decode_json`` returns an equal alert."""
    fields: dict[str, object] = dict(alert.fields)
    fields.update({name: list(items) for name, items in alert.lists.items() if name in fields})
    return msgspec.json.encode(
        {
            "hostname": alert.hostname,
            "output": alert.output,
            "output_fields": fields,
            "priority": str(alert.priority),
            "rule": alert.rule,
            "source": alert.source,
            "tags": alert.tags,
            "time": iso_text(alert.time_ns),
        }
    )
