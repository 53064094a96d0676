"""``throttle N per D [by …]``: at most N notifications of a key in any window of D."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.language.program.clauses import Throttle
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.stage import StageResult
from bridge.routing.memory.moments import moment
from bridge.routing.notification import NotificationKind
from bridge.routing.reason import Reason
from bridge.routing.state import NO_ENTRY, Table


class Slots(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """What was sent in the window, and what was held back since."""

    sent: tuple[int, ...] = ()
    """Processing times, ascending."""
    held: int = 0
    """Alerts held back since the last notification."""
    first_ns: int = 0
    """Event time of the first of them."""
    last: Passage | None = None
    """The last of them."""


class ThrottleStage:
    """Spends slots. When something was held back and a slot is free, a summary goes out."""

    def __init__(self, clause: Throttle) -> None:
        self._count = clause.count
        self._window_ns = clause.window_ns

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> Passage | StageResult:
        """Send the notification if a slot is free; it carries how many were held back."""
        row: Slots | None = table.entries.get(key, NO_ENTRY)[0]
        if row is None:
            table.put(key, Slots((now_ns,)), now_ns + self._window_ns)
            return passage
        row = self._current(row, now_ns)
        if len(row.sent) < self._count:
            table.put(key, Slots((*row.sent, now_ns)), now_ns + self._window_ns)
            if row.held:
                passage = msgspec.structs.replace(passage, suppressed=passage.suppressed + row.held)
            return passage
        first_ns = passage.first_ns if row.held == 0 else min(row.first_ns, passage.first_ns)
        row = Slots(row.sent, row.held + passage.count, first_ns, passage)
        self._store(table, key, row, now_ns)
        return StageResult(reason=Reason.THROTTLED, detail=self.describe(row, now_ns))

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """A slot is free: send a summary of what was held back, or forget the key."""
        row = self._current(table.get(key) or Slots(), now_ns)
        if row.last is None or len(row.sent) >= self._count:
            self._store(table, key, row, now_ns)
            return StageResult()
        self._store(table, key, Slots((*row.sent, now_ns)), now_ns)
        return StageResult((_summary(row, row.last),))

    def about(self, table: Table, key: bytes, now_ns: int) -> str | None:
        """The alert that a summary would be about, if one is due."""
        current = self._current(table.get(key) or Slots(), now_ns)
        return None if current.last is None or len(current.sent) >= self._count else current.last.alert_id

    def silence(self, table: Table, key: bytes, now_ns: int) -> None:
        """The summary that is due is silenced: it is not sent, and spends no slot."""
        row = self._current(table.get(key) or Slots(), now_ns)
        self._store(table, key, Slots(row.sent), now_ns)

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:  # noqa: ARG002
        """Send the summary now. The key's next notification finds all slots free."""
        if row.last is None:
            return StageResult()
        return StageResult((_summary(row, row.last),), Reason.STATE_EVICTED)

    def describe(self, row: Slots, now_ns: int) -> str:
        """The numbers of a key whose slots are taken: ``3 sent since 12:04, next at 12:14, 132 held back``."""
        since, free = moment(row.sent[0], now_ns), moment(row.sent[0] + self._window_ns, now_ns)
        return f"{len(row.sent)} sent since {since}, next at {free}, {row.held} held back"

    def _current(self, row: Slots, now_ns: int) -> Slots:
        """The row without what left the window. A time in the future is from before a step back of the clock."""
        sent = row.sent
        if not sent or (sent[0] > now_ns - self._window_ns and sent[-1] <= now_ns):
            return row
        sent = tuple([min(each, now_ns) for each in sent if each > now_ns - self._window_ns])
        return Slots(sent, row.held, row.first_ns, row.last)

    def _store(self, table: Table, key: bytes, row: Slots, now_ns: int) -> None:
        if not row.sent and not row.held:
            table.remove(key)
            return
        free_ns = row.sent[0] + self._window_ns if len(row.sent) >= self._count else now_ns + 1
        forget_ns = row.sent[-1] + self._window_ns if row.sent else now_ns + 1
        table.put(key, row, max(free_ns if row.held else forget_ns, now_ns + 1))


def _summary(row: Slots, last: Passage) -> Passage:
    return msgspec.structs.replace(
        last, kind=NotificationKind.SUMMARY, count=row.held, first_ns=row.first_ns, suppressed=row.held, alerts=()
    )
