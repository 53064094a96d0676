"""``new F, … in D [by …] [learn L]``: passes a combination that was not seen in the D before its event."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.language.program.clauses import New
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.stage import LATENESS_NS, StageResult
from bridge.routing.memory.moments import moment
from bridge.routing.reason import Reason
from bridge.routing.state import Table

STARTED = b"started"
"""The row that says when the route first ran. No key of a combination has this length."""
LOOKING_BACK = b"looking back"
"""The row that says that the clause is looking back at recorded alerts."""
MARKS = frozenset({STARTED, LOOKING_BACK})
_EXPIRED_PER_MATCH = 2


class Sighting(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """When a combination was last seen, in event time."""

    last_ns: int


class NewStage:
    """Remembers combinations. The key holds the values of ``by`` and of the fields."""

    def __init__(self, clause: New) -> None:
        self._window_ns = clause.window_ns
        self._learn_ns = clause.learn_ns

    def start(self, table: Table, now_ns: int) -> None:
        """The route runs from now on, unless it ran before."""
        if table.get(STARTED) is None:
            table.put(STARTED, Sighting(now_ns))

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> Passage | StageResult:
        """Pass the combination if it is new. Every sighting renews it."""
        event_ns = passage.event_ns
        row: Sighting | None = table.get(key)
        self._expire(table, event_ns)
        table.put(key, Sighting(event_ns if row is None else max(row.last_ns, event_ns)))
        started: Sighting | None = table.get(STARTED)
        if started is None:
            self.start(table, event_ns)
            started = Sighting(event_ns)
        if self._learn_ns and event_ns < started.last_ns + self._learn_ns:
            until = moment(started.last_ns + self._learn_ns, now_ns)
            return StageResult(reason=Reason.LEARNING, detail=f"until {until}")
        if row is not None and row.last_ns > event_ns - self._window_ns:
            return StageResult(reason=Reason.NOT_NEW, detail=f"seen at {moment(row.last_ns, now_ns)}")
        if table.get(LOOKING_BACK) is not None:
            return StageResult(reason=Reason.LEARNING, detail="until the recorded alerts have been read")
        return passage

    def wake(self, _table: Table, _key: bytes, _now_ns: int) -> StageResult:
        """There are no timers."""
        return StageResult()

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:  # noqa: ARG002
        """A forgotten combination counts as new when it is next seen: the clause fails open."""
        if key in MARKS:
            table.put(key, row)
        return StageResult()

    def _expire(self, table: Table, event_ns: int) -> None:
        """Remove the longest unused combinations that are too old to matter."""
        for _ in range(_EXPIRED_PER_MATCH):
            if not table.entries:
                return
            key = table.oldest()
            if key in MARKS:
                table.keep_oldest()
            elif table.entries[key][0].last_ns <= event_ns - self._window_ns - LATENESS_NS:
                table.remove(key)
            else:
                return
