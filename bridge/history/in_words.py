"""A stored alert in words: where it happened, and what a route decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.alert.node import node_name

if TYPE_CHECKING:
    from bridge.alert import Alert
    from bridge.routing import Decision


def decision_text(decision: Decision) -> str:
    """``shells: sent to pager, chat``; ``shells: throttled (2 of 3)``."""
    channels = f" to {', '.join(decision.channels)}" if decision.channels else ""
    detail = f" ({decision.detail})" if decision.detail else ""
    return f"{decision.route}: {decision.reason.value}{channels}{detail}"


def where(alert: Alert) -> str:
    """The pod with its namespace, or the container, or the node."""
    pod, container = alert.get("k8s.pod.name"), alert.get("container.name")
    if pod is not None:
        return f"{alert.get('k8s.ns.name') or '?'}/{pod}"
    named = container is not None and container != "host"
    node = node_name(alert.hostname)
    return f"{node} {container}" if named else node
