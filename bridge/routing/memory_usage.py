"""How much the clauses with memory remember, for status and metrics. Callable while another thread decides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from bridge.language.program.clauses import clause_label
from bridge.routing.memory.clauses.after import RELEASED
from bridge.routing.memory.clauses.new import MARKS
from bridge.routing.memory.rows import encode_row
from bridge.routing.state import Entry, State

_SAMPLE = 8
"""Rows of a clause whose size is measured."""
_ROW_BYTES = 400
"""What a row needs in memory beside its content: its key, its places in the tables, its objects. Measured."""
_MARKS = MARKS | {RELEASED}
"""Rows that say something of the clause itself."""


@dataclass(frozen=True, slots=True)
class ClauseUsage:
    """What one clause of one route remembers."""

    route: str
    clause: str
    """As people read it; ``incident`` for the incidents of the route."""
    keys: int
    timers: int
    evicted: int
    """Keys that were evicted since the start."""
    bytes: int
    """About how much memory that takes."""


def memory_usage(*states: State) -> tuple[ClauseUsage, ...]:
    """Each clause that remembers something, or that lost a key by eviction, in all states together."""
    found: dict[str, ClauseUsage] = {}
    for state in states:
        evicted = dict(state.evicted)
        for identity, table in list(state.tables.items()):
            keys = len(table.entries) - sum(mark in table.entries for mark in _MARKS)
            gone = evicted.get(identity, 0)
            if keys or gone:
                route, _, clause = identity.partition("\n")
                size = keys * (_ROW_BYTES + _content(_some(table.entries)))
                usage = ClauseUsage(route, clause_label(clause), keys, table.timers(), gone, size)
                before = found.get(identity)
                found[identity] = usage if before is None else _sum(before, usage)
    return tuple(found.values())


def _sum(one: ClauseUsage, other: ClauseUsage) -> ClauseUsage:
    return replace(
        one, keys=one.keys + other.keys, timers=one.timers + other.timers, evicted=one.evicted + other.evicted,
        bytes=one.bytes + other.bytes,
    )  # fmt: skip


def _some(entries: dict[bytes, Entry]) -> list[Any]:
    try:
        return [row for row, _ in islice(entries.values(), _SAMPLE)]
    except RuntimeError:  # it changed at this moment
        return []


def _content(rows: list[Any]) -> int:
    """The mean size of the rows, in bytes."""
    return sum(len(encode_row(row)) for row in rows) // len(rows) if rows else 0
