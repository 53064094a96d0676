"""The latest alert of an incident that ``group`` or ``throttle`` hold back: the incident is not silent. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.language.program.clauses import Group, Throttle
from bridge.routing.memory.clauses.group import OpenGroup
from bridge.routing.memory.clauses.stages import PlacedStage
from bridge.routing.memory.clauses.throttle import Slots
from bridge.routing.state import State


class HeldBack:
    """Looks into the rows of the clauses that have the same key as the incidents of their route."""

    def __init__(self, stages: Sequence[PlacedStage]) -> None:
        """``stages`` are those of one route."""
        group = next((each.clause for each in stages if isinstance(each.clause, Group)), None)
        self._identities = [
            each.identity
            for each in stages
            if isinstance(each.clause, Group)
            or (isinstance(each.clause, Throttle) and (group is None or group.by == each.clause.by))
        ]

    def latest_ns(self, state: State, key: bytes) -> int:
        """The event time of the latest alert that is held back under this key; 0 if there is none."""
        latest_ns = 0
        for identity in self._identities:
            table = state.tables.get(identity)
            row = None if table is None else table.get(key)
            if isinstance(row, Slots) and row.last is not None:
                latest_ns = max(latest_ns, row.last.last_ns)
            if isinstance(row, OpenGroup) and row.count:
                latest_ns = max(latest_ns, row.last_ns)
        return latest_ns
