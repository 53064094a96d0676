"""What each node's Falco reports about itself: events it dropped, and when its latest alert was received.

Drop alerts are internal alerts, so ``otherwise`` does not apply to them. They are counted here because an event that
Falco dropped can never become an alert.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

import structlog

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.alert.internal import DROP_RULE, SNAPSHOT_RULE
from bridge.alert.node import node_name
from bridge.common.text import one_line
from bridge.pipeline.counts import LONGEST_LABEL, OTHER
from bridge.routing import Entry

MOST_NODES = 1000
SETTLED_NS = 600_000_000_000
"""A node is settled if its latest alert came this long after its first. A new node does not replace a settled one."""
GONE_NS = 86_400_000_000_000
"""A settled node without alerts for this long may be replaced. Until then its metric shows that it is silent."""
LOG_INTERVAL_NS = 600_000_000_000
"""The drops of a node are logged at most this often."""
_LARGEST_COUNT = 1e18
_SETTLED = ""


@dataclass(slots=True)
class Node:
    """One hostname that alerts carry."""

    source_name: str = ""
    """The source of its first alert."""
    first_alert_ns: int = 0
    """When its first alert was received."""
    last_alert_ns: int = 0
    """When its latest alert was received."""
    events_dropped: float = 0
    """System calls that its drop alerts reported since the bridge's start."""
    snapshot_events_dropped: float | None = None
    """``scap.n_drops`` of its latest metrics snapshot: since Falco's start."""
    outputs_dropped: float | None = None
    """``falco.outputs_queue_num_drops`` of that snapshot: alerts that Falco discarded because its queue was full."""
    version: str = ""
    """Falco's version."""
    logged_ns: int = 0
    """When its drops were last logged."""
    unlogged: float = 0
    """Drops since then."""

    @property
    def group(self) -> str:
        """Nodes compete for places within their group: the settled ones, or the new ones of one source."""
        return _SETTLED if self.last_alert_ns - self.first_alert_ns >= SETTLED_NS else self.source_name


class Nodes:
    """Written by intake, one batch at a time. Read from other threads.

    Anyone who can send alerts can invent hostnames. A flood of them takes places only from new nodes of its own source.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._groups: defaultdict[str, OrderedDict[str, Node]] = defaultdict(OrderedDict)
        """The same nodes by group, each group in the order of their latest alerts."""
        self._others = Node()
        """The drops of nodes that are not tracked."""
        self.untracked = 0
        """How often an alert's node could not be tracked, or a tracked node was replaced."""
        self._log = structlog.get_logger("falco")

    def now(self) -> list[tuple[str, Node]]:
        """Every tracked node; and ``other``, if nodes that are not tracked reported drops."""
        return [*self._nodes.items(), *([(OTHER, self._others)] if self._others.events_dropped else [])]

    def add(self, source_name: str, received_ns: int, entries: Sequence[Entry]) -> None:
        """Alerts were committed."""
        self._seen_all(source_name, received_ns, [entry.alert.hostname for entry in entries])
        for entry in entries:
            if entry.alert.source == INTERNAL_SOURCE:
                self._add_drops(entry.alert, received_ns)

    def seen(self, source_name: str, received_ns: int, alerts: Iterable[Alert]) -> None:
        """Alerts were received. A duplicate shows that its node is alive; its drops are already counted."""
        self._seen_all(source_name, received_ns, [alert.hostname for alert in alerts])

    def _seen_all(self, source_name: str, now_ns: int, hostnames: Sequence[str]) -> None:
        for hostname in dict.fromkeys(hostnames):
            self._seen(_label(hostname), source_name, now_ns)

    def _seen(self, hostname: str, source_name: str, now_ns: int) -> None:
        node = self._nodes.get(hostname)
        if node is None:
            if len(self._nodes) >= MOST_NODES and not self._make_room(now_ns):
                return
            node = self._nodes[hostname] = Node(source_name, now_ns, now_ns)
        self._groups[node.group].pop(hostname, None)
        node.last_alert_ns = now_ns
        self._groups[node.group][hostname] = node

    def _make_room(self, now_ns: int) -> bool:
        """Remove a node to make room for a new one. False where none may be removed."""
        self.untracked += 1
        group = self._replaceable(now_ns)
        if group is None:
            return False
        name, node = group.popitem(last=False)
        del self._nodes[name]
        self._others.events_dropped += node.events_dropped
        return True

    def _replaceable(self, now_ns: int) -> OrderedDict[str, Node] | None:
        """The group that loses its longest silent node: the settled one, if that is gone, else the largest."""
        settled = self._groups[_SETTLED]
        if settled and now_ns - next(iter(settled.values())).last_alert_ns >= GONE_NS:
            return settled
        return max(
            (nodes for group, nodes in self._groups.items() if group != _SETTLED and nodes), key=len, default=None
        )

    def _add_drops(self, alert: Alert, now_ns: int) -> None:
        node = self._nodes.get(_label(alert.hostname), self._others)
        if alert.rule == DROP_RULE:
            drops = _count(alert.fields.get("n_drops")) or 0
            node.events_dropped += drops
            node.unlogged += drops
        elif alert.rule == SNAPSHOT_RULE and node is not self._others:
            _add_snapshot(node, alert)
        if node.unlogged and now_ns - node.logged_ns >= LOG_INTERVAL_NS:
            self._log_drops(alert.hostname, node, now_ns)

    def _log_drops(self, hostname: str, node: Node, now_ns: int) -> None:
        self._log.warning(
            "falco drops events; alerts may be missing",
            node=one_line(node_name(hostname), 100),
            dropped=int(node.unlogged),
            remedy="raise engine.modern_ebpf.buf_size_preset or outputs_queue.capacity in falco.yaml, give Falco more "
            "CPU, or disable rules and system calls that you do not need (base_syscalls)",
        )
        node.logged_ns, node.unlogged = now_ns, 0


def _add_snapshot(node: Node, alert: Alert) -> None:
    node.version = alert.fields.get("falco.version", node.version)[:40]
    before = node.snapshot_events_dropped, node.outputs_dropped
    node.snapshot_events_dropped = _count(alert.fields.get("scap.n_drops"), node.snapshot_events_dropped)
    node.outputs_dropped = _count(alert.fields.get("falco.outputs_queue_num_drops"), node.outputs_dropped)
    after = node.snapshot_events_dropped, node.outputs_dropped
    node.unlogged += sum(_increase(then, now) for then, now in zip(before, after, strict=True))


def _increase(then: float | None, now: float | None) -> float:
    """How much a counter grew. A restarted Falco counts from zero, so a lower value is all new."""
    if now is None or then is None:
        return 0
    return now - then if now >= then else now


def _label(hostname: str) -> str:
    """The node, no longer than a metric shows it: memory is bounded."""
    return node_name(hostname[:LONGEST_LABEL])


def _count(text: str | None, otherwise: float | None = None) -> float | None:
    """A counter, which Falco writes as text even in JSON; ``otherwise`` if it is not a valid number."""
    if text is None or len(text) > 40:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if isfinite(value) and 0 <= value <= _LARGEST_COUNT else otherwise
