"""The name of the node on which Falco runs, for people and metrics."""

from __future__ import annotations

UNKNOWN_NODE = "unknown"
"""Where an alert does not say: Falco's text output and some forwarders contain no hostname."""


def node_name(hostname: str) -> str:
    """The hostname of an alert; ``unknown`` if it is empty or blank."""
    return hostname if hostname.strip() else UNKNOWN_NODE
