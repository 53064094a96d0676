"""Which partition of the memory a key belongs to. Pure.

All clauses of a route must find an alert in the same partition. Where they have the same key, the key decides;
otherwise the route's name alone. The key is taken as its hash, so that a stored row shows its partition too.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from bridge.language.program.clauses import Clause, New, Then, Unless, With
from bridge.language.program.program import Route
from bridge.routing.memory.clauses.after import RELEASED
from bridge.routing.memory.clauses.new import MARKS
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.incident import Incident
from bridge.routing.memory.keys import HASH_SIZE

PARTITIONS = 32
"""How many partitions a fleet has. The number is stored with the state and does not change.

With 256, an owner of all uses five times the CPU while idle and takes over in twice the time (`docs/postgresql.md`)."""
MARK_KEYS = MARKS | {RELEASED}
"""Keys of rows that say something of the clause itself: each partition has its own."""


def key_fields(route: Route) -> tuple[str, ...] | None:
    """The fields of the one key of all clauses; empty if they have different ones. None for a route without clauses."""
    keys = {fields for clause in route.clauses for fields in _fields(clause)}
    if not keys:
        return None
    return keys.pop() if len(keys) == 1 else ()


def _fields(clause: Clause) -> Iterator[tuple[str, ...]]:
    match clause:
        case New():
            yield clause.key_fields
        case Then():
            yield from (tuple(pair.own for pair in step.by) for step in clause.steps)
        case Unless() | With():
            yield tuple(pair.own for pair in clause.by)
        case _:
            yield clause.by


class RoutePartitions:
    """The partitions of one route."""

    def __init__(self, route: Route, count: int) -> None:
        self._count = count
        self._name = blake2b(route.name.encode("utf-8", "surrogatepass") + b"\n", digest_size=8)
        fields = key_fields(route)
        self._by_alert = fields is None
        self.is_keyed = fields != ()
        """Whether its keys are spread over all partitions."""

    def of_passage(self, passage: Passage) -> int:
        """The partition of a match of the route."""
        return self.of_key(passage.keys[-1] if self._by_alert else passage.keys[0])

    def of_key(self, key: bytes) -> int:
        """The partition of a key: that of a clause, which may have a second part, or the id of an alert."""
        hashed = self._name.copy()
        if self.is_keyed:
            hashed.update(key[:HASH_SIZE])
        return int.from_bytes(hashed.digest(), "big") % self._count

    def of_row(self, clause: Clause | None, key: bytes, row: Any) -> range:
        """The partitions of a stored row: all of them for a mark. ``clause`` is None for an incident."""
        if key in MARK_KEYS:
            return range(self._count)
        if isinstance(row, Incident):
            found = self.of_passage(row.passage)
        else:
            found = self.of_key(key[1:] if isinstance(clause, Then) else key)
        return range(found, found + 1)
