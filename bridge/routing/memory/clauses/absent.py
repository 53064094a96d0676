"""``absent D by …``: passes the last alert of a key that has been silent for D."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.language.program.clauses import Absent
from bridge.routing.memory.clauses.new import LOOKING_BACK, MARKS
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.stage import LATENESS_NS, StageResult
from bridge.routing.memory.moments import moment
from bridge.routing.notification import NotificationKind
from bridge.routing.reason import Reason
from bridge.routing.state import Table

_RETRY_NS = 1_000_000_000


class LastSeen(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The latest alert of a key."""

    passage: Passage


class AbsentStage:
    """Watches keys. A key is known from its first match, and forgotten once its silence was reported."""

    def __init__(self, clause: Absent, held_ns: int = 0) -> None:
        """``held_ns``: how long clauses before this one may hold an alert of a key, which is not silent meanwhile."""
        self._window_ns = clause.window_ns
        self._late_ns = held_ns + LATENESS_NS

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> StageResult:
        """The key is not silent."""
        row: LastSeen | None = table.get(key)
        if row is None or passage.event_ns >= row.passage.event_ns:
            latest, due_ns = passage, passage.event_ns + self._window_ns + self._late_ns
        else:  # its timer moves with the clock, and stays
            latest, due_ns = row.passage, table.due_ns(key) or now_ns
        table.put(key, LastSeen(latest), max(due_ns, now_ns + 1))
        seen, silent = moment(latest.event_ns, now_ns), moment(latest.event_ns + self._window_ns, now_ns)
        return StageResult(reason=Reason.KEY_PRESENT, detail=f"seen at {seen}, missed from {silent} on")

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """The key has been silent for D, and no late alert of it came."""
        row: LastSeen = table.get(key)  # type: ignore[assignment]
        if table.get(LOOKING_BACK) is not None:  # so that no key is known again by an older alert
            table.put(key, row, now_ns + _RETRY_NS)
            return StageResult()
        table.remove(key)
        return StageResult((msgspec.structs.replace(row.passage, kind=NotificationKind.ABSENT),))

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:  # noqa: ARG002
        """Report the key: whether it falls silent is not known any more."""
        if key in MARKS:
            table.put(key, row)
            return StageResult()
        return StageResult((row.passage,), Reason.STATE_EVICTED)
