"""What Falcos say of themselves, node by node: what they could not see, and when each was last heard.

Drops are no incidents, and are kept out of ``otherwise``; but what Falco did not see, nobody will be told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import structlog

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.alert.internal import DROP_RULE, SNAPSHOT_RULE
from bridge.channels.sanitise import one_line
from bridge.journal import Entry
from bridge.sources.contract import Batch

MOST_NODES = 1000
"""Of more, those that were heard last are kept."""
TOLD_EVERY_NS = 600_000_000_000
"""A node's drops are logged once in so long."""
_LARGEST_COUNT = 1e18


@dataclass(slots=True)
class Node:
    """One hostname that alerts bear."""

    heard_ns: int = 0
    """When its latest alert was received."""
    dropped: float = 0
    """System calls that its drop alerts told of, since the bridge's start."""
    snapshot_dropped: float | None = None
    """``scap.n_drops`` of its latest metrics snapshot: since Falco's start."""
    outputs_dropped: float | None = None
    """``falco.outputs_queue_num_drops`` likewise: alerts that Falco itself threw away."""
    version: str = ""
    told_ns: int = 0
    untold: float = 0


class Nodes:
    """Kept by the intake, one batch at a time; read from other threads."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[str, Node] = OrderedDict()
        self._log = structlog.get_logger("falco")

    def now(self) -> list[tuple[str, Node]]:
        """Every node that is known."""
        return list(self._nodes.items())

    def kept(self, batch: Batch, entries: Sequence[Entry]) -> None:
        """A batch was committed; a repeated alert tells that the node lives, and drops nothing twice."""
        for hostname in {alert.hostname for alert in batch.alerts}:
            self._node(hostname).heard_ns = batch.received_ns
        for entry in entries:
            if entry.alert.source == INTERNAL_SOURCE:
                self._internal(entry.alert, batch.received_ns)

    def _node(self, hostname: str) -> Node:
        node = self._nodes.get(hostname)
        if node is None:
            node = self._nodes[hostname] = Node()
            if len(self._nodes) > MOST_NODES:
                self._nodes.popitem(last=False)
        else:
            self._nodes.move_to_end(hostname)
        return node

    def _internal(self, alert: Alert, now_ns: int) -> None:
        node = self._node(alert.hostname)
        if alert.rule == DROP_RULE:
            drops = _count(alert.fields.get("n_drops")) or 0
            node.dropped += drops
            node.untold += drops
        elif alert.rule == SNAPSHOT_RULE:
            node.version = alert.fields.get("falco.version", node.version)[:40]
            before = node.snapshot_dropped, node.outputs_dropped
            node.snapshot_dropped = _count(alert.fields.get("scap.n_drops"), node.snapshot_dropped)
            node.outputs_dropped = _count(alert.fields.get("falco.outputs_queue_num_drops"), node.outputs_dropped)
            # Falco counts anew when it restarts: fewer than before are all new.
            for now, then in zip((node.snapshot_dropped, node.outputs_dropped), before, strict=True):
                node.untold += 0 if now is None or then is None else now - then if now >= then else now
        if node.untold and now_ns - node.told_ns >= TOLD_EVERY_NS:
            self._tell(alert.hostname, node, now_ns)

    def _tell(self, hostname: str, node: Node, now_ns: int) -> None:
        self._log.warning(
            "falco drops events: what it did not see, nobody is told of",
            node=one_line(hostname, 100),
            dropped=int(node.untold),
            remedy="raise engine.modern_ebpf.buf_size_preset or outputs_queue.capacity in falco.yaml, give Falco more "
            "CPU, or disable the rules and system calls that you do not need (base_syscalls)",
        )
        node.told_ns, node.untold = now_ns, 0


def _count(text: str | None, otherwise: float | None = None) -> float | None:
    """A counter, which Falco writes as text even in JSON."""
    if text is None or len(text) > 40:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if isfinite(value) and 0 <= value <= _LARGEST_COUNT else otherwise
