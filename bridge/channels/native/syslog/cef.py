"""An alert as an event in the Common Event Format of ArcSight, which many SIEMs read. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.alert import Alert, Priority
from bridge.channels.native.shared.labels import with_label_names
from bridge.common.text import one_line, visible
from bridge.delivery.delivery import Delivery

_SEVERITIES = {
    Priority.EMERGENCY: 10, Priority.ALERT: 9, Priority.CRITICAL: 8, Priority.ERROR: 7, Priority.WARNING: 6,
    Priority.NOTICE: 4, Priority.INFORMATIONAL: 3, Priority.DEBUG: 0,
}  # fmt: skip
"""As falcosidekick has them."""
_KNOWN = {"user.name": "suser", "proc.name": "sproc", "proc.pid": "spid", "fd.sip": "dst", "fd.cip": "src"}
"""CEF's own keys for fields of Falco."""
_MILLISECOND_NS = 1_000_000
_MAX_NAME = 200
_MAX_VALUE = 1000


def cef_event(delivery: Delivery, labels: Mapping[str, str]) -> str:
    """``CEF:0|Falcosecurity|Falco|1.0|Falco Event|RULE|SEVERITY|key=value …`` in one line."""
    alert = delivery.alert
    head = ("CEF:0", "Falcosecurity", "Falco", "1.0", "Falco Event", _name(alert.rule))
    pairs = (f"{key}={_value(value)}" for key, value in _extension(delivery, labels).items() if value)
    return f"{'|'.join(head)}|{_SEVERITIES[delivery.notification.severity]}|{' '.join(pairs)}"


def _extension(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, str]:
    alert = delivery.alert
    own = {
        "externalId": alert.id,
        "start": str(alert.time_ns // _MILLISECOND_NS),
        "dvchost": alert.hostname,
        "cat": alert.source,
        "msg": alert.output,
        "tags": ",".join(alert.tags),
        **_known(alert),
    }
    rest = {name: value for name, value in alert.fields.items() if name not in _KNOWN}
    return own | with_label_names({**labels, **rest}, own)


def _known(alert: Alert) -> dict[str, str]:
    return {key: alert.fields[name] for name, key in _KNOWN.items() if name in alert.fields}


def _name(text: str) -> str:
    return re.sub(r"([\\|])", r"\\\1", one_line(text, _MAX_NAME))


def _value(text: str) -> str:
    r"""A value: ``=`` and the backslash are escaped, line breaks are ``\n``, and other controls are visible."""
    lines = visible(text[:_MAX_VALUE].replace("\r\n", "\n"), keep="\n")
    return re.sub(r"([\\=])", r"\\\1", lines).replace("\n", r"\n")
