"""Labels as Prometheus, Loki and Alertmanager take them: few, short, with names of letters, digits and ``_``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.alert import Alert
from bridge.common.text import one_line

ALERT_LABELS = ("source", "priority", "hostname", "k8s_ns_name")

_LONGEST_VALUE = 200
_UNFIT = re.compile(r"[^A-Za-z0-9_]")


def label_name(name: str) -> str:
    """``k8s.ns.name`` is ``k8s_ns_name``."""
    fit = _UNFIT.sub("_", name)
    return f"_{fit}" if fit[:1].isdigit() else fit


def label_value(value: str) -> str:
    """One visible line, bounded: attackers write some of these."""
    return one_line(value, _LONGEST_VALUE)


def alert_labels(alert: Alert) -> dict[str, str]:
    """Where it comes from and how bad Falco finds it: these have few values, and the same ones from event to event."""
    namespace = alert.get("k8s.ns.name") or alert.get("ka.target.namespace") or ""
    told = zip(ALERT_LABELS, (alert.source, str(alert.priority), alert.hostname, namespace), strict=True)
    return {name: label_value(value) for name, value in told if value}


def static_labels(configured: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The config's labels and the channel's own, which win."""
    return {label_name(name): value for name, value in {**configured, **own}.items() if value}
