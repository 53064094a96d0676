"""Labels for Loki and Alertmanager: few, short, with names of letters, digits and ``_``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from bridge.alert import Alert
from bridge.common.text import one_line

ALERT_LABELS = ("source", "priority", "hostname", "k8s_ns_name")

_MAX_VALUE = 200
_INVALID = re.compile(r"[^A-Za-z0-9_]")


def label_name(name: str) -> str:
    """A valid label name: ``k8s_ns_name`` for ``k8s.ns.name``, ``_`` for an empty name."""
    valid = _INVALID.sub("_", name)
    return valid if valid and not valid[0].isdigit() else f"_{valid}"


def with_label_names(values: Mapping[str, str], taken: Collection[str] = ()) -> dict[str, str]:
    """The values by valid label names, none of which is in ``taken``.

    Of names that become equal one stays as it is, and the others get a number: ``a_b`` and ``a_b_2`` for ``a_b`` and
    ``a.b``. The same names always get the same numbers.
    """
    named: dict[str, str] = {}
    for name in sorted(values, key=lambda name: (label_name(name) != name, name)):
        valid = candidate = label_name(name)
        number = 2
        while candidate in named or candidate in taken:
            candidate = f"{valid}_{number}"
            number += 1
        named[candidate] = values[name]
    return named


def label_value(value: str) -> str:
    """The value as one visible line of at most 200 characters."""
    return one_line(value, _MAX_VALUE)


def alert_labels(alert: Alert) -> dict[str, str]:
    """Source, priority, host and namespace: labels with few values, which are the same for repeats of an alert."""
    namespace = alert.get("k8s.ns.name") or alert.get("ka.target.namespace") or ""
    values = zip(ALERT_LABELS, (alert.source, str(alert.priority), alert.hostname, namespace), strict=True)
    return {name: label_value(value) for name, value in values if value.strip()}


def static_labels(
    configured: Mapping[str, str], own: Mapping[str, str], alert_names: Collection[str]
) -> dict[str, str]:
    """The config's labels and the channel's own, which take precedence. ``alert_names`` are the labels of an alert."""
    return with_label_names({name: value for name, value in {**configured, **own}.items() if value}, alert_names)
