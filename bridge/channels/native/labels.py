"""Labels for Loki and Alertmanager: few, short, with names of letters, digits and ``_``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.alert import Alert
from bridge.common.text import one_line

ALERT_LABELS = ("source", "priority", "hostname", "k8s_ns_name")

_MAX_VALUE = 200
_INVALID = re.compile(r"[^A-Za-z0-9_]")


def label_name(name: str) -> str:
    """A valid label name: ``k8s_ns_name`` for ``k8s.ns.name``."""
    valid = _INVALID.sub("_", name)
    return f"_{valid}" if valid[:1].isdigit() else valid


def label_value(value: str) -> str:
    """The value as one visible line of at most 200 characters."""
    return one_line(value, _MAX_VALUE)


def alert_labels(alert: Alert) -> dict[str, str]:
    """Source, priority, host and namespace: labels with few values, which are the same for repeats of an alert."""
    namespace = alert.get("k8s.ns.name") or alert.get("ka.target.namespace") or ""
    values = zip(ALERT_LABELS, (alert.source, str(alert.priority), alert.hostname, namespace), strict=True)
    return {name: label_value(value) for name, value in values if value}


def static_labels(configured: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The config's labels and the channel's own; the channel's take precedence."""
    return {label_name(name): value for name, value in {**configured, **own}.items() if value}
