"""``group by … [wait W] [every E] [limit L]``: gathers the alerts of a key in digests."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.language.program.clauses import Group
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.stage import StageResult
from bridge.routing.memory.moments import moment
from bridge.routing.notification import NotificationKind
from bridge.routing.reason import Reason
from bridge.routing.state import Table


class OpenGroup(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """An open group."""

    count: int = 0
    """Alerts since the last digest."""
    first_ns: int = 0
    last_ns: int = 0
    worst: tuple[tuple[int, int, str], ...] = ()
    """The worst of them: severity, event time, id; at most L."""
    latest: Passage | None = None
    """The latest of them, with the values of the worst: the digest is about that one."""
    suppressed: int = 0
    unnamed: int = 0
    """How many came that are not among the worst."""


class GroupStage:
    """The first alert of a key opens its group. After W, and then every E, one digest of what was gathered."""

    def __init__(self, clause: Group) -> None:
        self._wait_ns = clause.wait_ns
        self._every_ns = clause.every_ns
        self._limit = clause.limit

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> StageResult:
        """Add the alert to the group of its key."""
        row: OpenGroup | None = table.get(key)
        due_ns = now_ns + self._wait_ns if row is None else table.due_ns(key) or now_ns + self._every_ns
        row = row or OpenGroup()
        worst = tuple(sorted((*row.worst, (passage.severity, passage.event_ns, passage.alert_id)))[: self._limit])
        if row.latest is not None and worst[0][2] != passage.alert_id and passage.values != row.latest.values:
            passage = msgspec.structs.replace(passage, values=row.latest.values)
        count = row.count + passage.count
        first_ns = passage.first_ns if row.count == 0 else min(row.first_ns, passage.first_ns)
        unnamed = row.unnamed + (len(row.worst) == self._limit)
        last_ns = max(row.last_ns, passage.last_ns)
        table.put(key, OpenGroup(count, first_ns, last_ns, worst, passage, unnamed=unnamed), due_ns)
        return StageResult(reason=Reason.GROUPED, detail=f"{count} gathered, digest at {moment(due_ns, now_ns)}")

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """Send the digest. A group that gathered nothing for E is closed."""
        row: OpenGroup = table.get(key)  # type: ignore[assignment]
        if row.count == 0:
            table.remove(key)
            return StageResult()
        table.put(key, OpenGroup(), now_ns + self._every_ns)
        return StageResult((_digest(row),))

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:  # noqa: ARG002
        """Send the digest now."""
        return StageResult((_digest(row),), Reason.STATE_EVICTED) if row.count else StageResult()


def _digest(row: OpenGroup) -> Passage:
    """The digest's passage. It shows its worst alert and continues under the keys of its latest one.

    What came alone continues as it came: it may be the end of a sequence, or a key that fell silent.
    """
    assert row.latest is not None
    if len(row.worst) == 1 and not row.unnamed:
        return row.latest
    severity, event_ns, alert_id = row.worst[0]
    return msgspec.structs.replace(
        row.latest,
        alert_id=alert_id,
        event_ns=event_ns,
        severity=severity,
        kind=NotificationKind.DIGEST,
        count=row.count,
        first_ns=row.first_ns,
        last_ns=row.last_ns,
        alerts=tuple(each[2] for each in sorted(row.worst, key=lambda each: each[1])),
        unnamed=row.unnamed,
    )
