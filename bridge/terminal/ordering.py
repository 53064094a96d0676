"""Puts observations of each node in the order in which they happened, over a short window."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from heapq import heappop, heappush
from itertools import islice

import msgspec

from bridge.terminal.observation import Observation

WINDOW_NS = 2_000_000_000
"""How much later than the next event of its node an event may be received."""
AHEAD_NS = 60_000_000_000
"""How far a node's clock may be ahead of the bridge's. A later time moves no other event."""
_REMEMBERED = 8192
"""Alerts by which one that is sent again is recognised."""
_MAX_WAITING = 200_000
_Entry = tuple[int, int, int, int, Observation]


class _Node(msgspec.Struct):
    waiting: list[_Entry] = []  # msgspec copies it
    """A heap by time, number and order of arrival, with the moment of arrival."""
    latest_ns: int = 0
    released_ns: int = 0


class Ordering(msgspec.Struct):
    """Holds observations until no earlier one is expected."""

    nodes: dict[str, _Node] = {}  # msgspec copies it
    recent: dict[int, None] = {}  # msgspec copies it
    arrivals: int = 0
    waiting: int = 0

    def new(self, observations: Iterable[Observation]) -> list[Observation]:
        """Those that were not added before, each once."""
        found = {each.identity: each for each in observations if each.identity not in self.recent}
        return list(found.values())

    def add(self, observations: Iterable[Observation], now_ns: int) -> None:
        """Observations that were received now, in nanoseconds since the epoch."""
        for each in observations:
            self.recent[each.identity] = None
            node = self.nodes.get(each.hostname)
            if node is None:
                node = self.nodes[each.hostname] = _Node()
            self.arrivals += 1
            heappush(node.waiting, (each.time_ns, each.number, self.arrivals, now_ns, each))
            node.latest_ns = max(node.latest_ns, min(each.time_ns, now_ns + AHEAD_NS))
            self.waiting += 1
        for old in list(islice(self.recent, max(0, len(self.recent) - _REMEMBERED))):
            del self.recent[old]

    def released(self, now_ns: int, hostnames: Collection[str]) -> Iterator[tuple[Observation, bool]]:
        """What may be used now of these nodes, in order, and whether it is late: a later event was used before."""
        for hostname in hostnames:
            node = self.nodes.get(hostname)
            if node is None:
                continue
            while node.waiting and (self._is_due(node, now_ns) or self.waiting > _MAX_WAITING):
                time_ns, _, _, _, observation = heappop(node.waiting)
                self.waiting -= 1
                late = time_ns < node.released_ns
                node.released_ns = max(node.released_ns, min(time_ns, now_ns + AHEAD_NS))
                yield observation, late
            if not node.waiting and now_ns - node.latest_ns > 60 * WINDOW_NS:
                del self.nodes[hostname]

    def _is_due(self, node: _Node, now_ns: int) -> bool:
        time_ns, _, _, arrived_ns, _ = node.waiting[0]
        # What arrives later than now arrived before the clock was set back.
        return time_ns <= node.latest_ns - WINDOW_NS or abs(arrived_ns - now_ns) >= WINDOW_NS
