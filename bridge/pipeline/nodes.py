"""What Falcos say of themselves, node by node: events dropped, and when each was last heard.

Drops are no incidents, and are kept out of ``otherwise``; but what Falco did not see, nobody will be told.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import structlog

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.alert.internal import DROP_RULE, SNAPSHOT_RULE
from bridge.common.text import one_line
from bridge.journal.sqlite import Entry
from bridge.pipeline.counts import LONGEST_LABEL, OTHER
from bridge.sources.contract import Batch

MOST_NODES = 1000
SETTLED_NS = 600_000_000_000
"""A node that is still heard so long after it was heard first has settled: no newcomer takes its place."""
GONE_NS = 86_400_000_000_000
"""Unless it was silent for so long. Silence is what one wants to be told of, so it costs nobody the place at once."""
TOLD_EVERY_NS = 600_000_000_000
"""A node's drops are logged once in so long."""
_LARGEST_COUNT = 1e18
_SETTLED = ""


@dataclass(slots=True)
class Node:
    """One hostname that alerts bear."""

    road: str = ""
    """By which source it was heard first."""
    since_ns: int = 0
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

    @property
    def rank(self) -> str:
        """Among whom it competes for its place: those that have settled, or the newcomers of its road."""
        return _SETTLED if self.heard_ns - self.since_ns >= SETTLED_NS else self.road


class Nodes:
    """Kept by the intake, one batch at a time; read from other threads.

    Whoever can hand over an alert can invent hostnames. Such a flood takes places from its own road's newcomers only.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._ranks: defaultdict[str, OrderedDict[str, Node]] = defaultdict(OrderedDict)
        """The same by rank, each in the order in which they were heard last."""
        self._others = Node()
        """What was told of those that have no place."""
        self.left_out = 0
        """How often one that had no place was heard, or one lost it."""
        self._log = structlog.get_logger("falco")

    def now(self) -> list[tuple[str, Node]]:
        """Every node that is known; of the others what they dropped."""
        return [*self._nodes.items(), *([(OTHER, self._others)] if self._others.dropped else [])]

    def kept(self, batch: Batch, entries: Sequence[Entry]) -> None:
        """A batch was committed; a repeated alert tells that the node lives, and drops nothing twice."""
        for hostname in dict.fromkeys(map(_name, batch.alerts)):
            self._heard(hostname, batch.source_name, batch.received_ns)
        for entry in entries:
            if entry.alert.source == INTERNAL_SOURCE:
                self._internal(entry.alert, batch.received_ns)

    def _heard(self, hostname: str, road: str, now_ns: int) -> None:
        node = self._nodes.get(hostname)
        if node is None:
            if len(self._nodes) >= MOST_NODES and not self._make_room(now_ns):
                return
            node = self._nodes[hostname] = Node(road, now_ns, now_ns)
        self._ranks[node.rank].pop(hostname, None)
        node.heard_ns = now_ns
        self._ranks[node.rank][hostname] = node

    def _make_room(self, now_ns: int) -> bool:
        """For a newcomer, where somebody has to give way to it."""
        self.left_out += 1
        giving_way = self._giving_way(now_ns)
        if giving_way is None:
            return False
        name, node = giving_way.popitem(last=False)
        del self._nodes[name]
        self._others.dropped += node.dropped
        return True

    def _giving_way(self, now_ns: int) -> OrderedDict[str, Node] | None:
        """The rank that has to spare the one of it that was silent longest."""
        settled = self._ranks[_SETTLED]
        if settled and now_ns - next(iter(settled.values())).heard_ns >= GONE_NS:
            return settled
        return max((each for rank, each in self._ranks.items() if rank != _SETTLED and each), key=len, default=None)

    def _internal(self, alert: Alert, now_ns: int) -> None:
        node = self._nodes.get(_name(alert), self._others)
        if alert.rule == DROP_RULE:
            drops = _count(alert.fields.get("n_drops")) or 0
            node.dropped += drops
            node.untold += drops
        elif alert.rule == SNAPSHOT_RULE and node is not self._others:
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


def _name(alert: Alert) -> str:
    """No longer than it is ever told: what is kept of an alert is bounded."""
    return alert.hostname[:LONGEST_LABEL]


def _count(text: str | None, otherwise: float | None = None) -> float | None:
    """A counter, which Falco writes as text even in JSON."""
    if text is None or len(text) > 40:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if isfinite(value) and 0 <= value <= _LARGEST_COUNT else otherwise
