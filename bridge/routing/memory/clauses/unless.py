"""``unless C within D by … [wait W]``: holds an alert back if an alert that meets C was received."""

from __future__ import annotations

from bisect import insort
from typing import Any

import msgspec

from bridge.language.program.clauses import Unless
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.stage import LATENESS_NS, Seen, StageResult
from bridge.routing.memory.moments import moment
from bridge.routing.reason import Reason
from bridge.routing.state import Table

_MAX_TIMES = 50
_MAX_HELD = 100


class Sightings(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """What is known of a key."""

    times: tuple[tuple[int, str], ...] = ()
    """Event time and id of alerts that met the condition, ascending, the newest only."""
    held: tuple[Passage, ...] = ()
    """Alerts that wait for one."""
    until_ns: tuple[int, ...] = ()
    """Until when each of them waits, in processing time. Empty in a row of an older journal."""


class UnlessStage:
    """Holds alerts for up to W, and remembers for D which keys met the condition."""

    def __init__(self, clause: Unless) -> None:
        self._window_ns = clause.window_ns
        self._wait_ns = clause.wait_ns

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> Passage | StageResult:
        """End the way of the alert, hold it, or let it pass."""
        row: Sightings = table.get(key) or Sightings()
        other = next((each for each in row.times if self._suppresses(each, passage)), None)
        if other is not None:
            return StageResult(
                reason=Reason.SUPPRESSED_BY_UNLESS, detail=f"by the alert {other[1]} of {moment(other[0], now_ns)}"
            )
        if self._wait_ns is None or self._deadline(passage) <= now_ns:
            return passage
        held, until_ns = (*row.held, passage), (*self._until(row), self._deadline(passage))
        released, held = held[:-_MAX_HELD], held[-_MAX_HELD:]
        self._store(table, key, Sightings(row.times, held, until_ns[-_MAX_HELD:]), now_ns)
        until = moment(self._deadline(passage), now_ns)
        return StageResult(released, Reason.WAITING, f"until {until}, {len(held)} waiting")

    def observe(self, table: Table, number: int, key: bytes, seen: Seen, now_ns: int) -> StageResult:  # noqa: ARG002
        """An alert meets the condition: what it suppresses ends here."""
        row: Sightings = table.get(key) or Sightings()
        times = list(row.times)
        insort(times, (seen.event_ns, seen.alert_id))
        other = (seen.event_ns, seen.alert_id)
        left = [each for each in self._waiting(row) if not self._suppresses(other, each[0])]
        self._store(table, key, _row(tuple(times[-_MAX_TIMES:]), left), now_ns)
        return StageResult(reason=Reason.SUPPRESSED_BY_UNLESS if len(left) < len(row.held) else None)

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """Pass what has waited long enough, and forget what is too old."""
        row: Sightings = table.get(key)  # type: ignore[assignment]
        waiting = self._waiting(row)
        passed = tuple(passage for passage, until_ns in waiting if until_ns <= now_ns)
        left = [each for each in waiting if each[1] > now_ns]
        times = tuple(each for each in row.times if each[0] + self._window_ns + LATENESS_NS > now_ns)
        self._store(table, key, _row(times, left), now_ns)
        return StageResult(passed)

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:  # noqa: ARG002
        """Pass what was held: the condition may have been met, which is not known any more."""
        return StageResult(row.held, Reason.STATE_EVICTED if row.held else None)

    def _suppresses(self, sighting: tuple[int, str], passage: Passage) -> bool:
        """Whether another alert is in the D before the passage, or in the W after it."""
        time_ns, alert_id = sighting
        if alert_id == passage.alert_id:
            return False
        ahead = self._wait_ns or 0
        return passage.event_ns - self._window_ns < time_ns <= passage.event_ns or (
            passage.event_ns < time_ns < passage.event_ns + ahead
        )

    def _until(self, row: Sightings) -> tuple[int, ...]:
        return row.until_ns or tuple(self._deadline(each) for each in row.held)

    def _waiting(self, row: Sightings) -> list[tuple[Passage, int]]:
        return list(zip(row.held, self._until(row), strict=True))

    def _deadline(self, passage: Passage) -> int:
        return passage.event_ns + (self._wait_ns or 0) + LATENESS_NS

    def _store(self, table: Table, key: bytes, row: Sightings, now_ns: int) -> None:
        if not row.times and not row.held:
            table.remove(key)
            return
        deadlines = list(self._until(row))
        deadlines += [each[0] + self._window_ns + LATENESS_NS for each in row.times[:1]]
        table.put(key, row, max(min(deadlines), now_ns + 1))


def _row(times: tuple[tuple[int, str], ...], waiting: list[tuple[Passage, int]]) -> Sightings:
    return Sightings(times, tuple([each[0] for each in waiting]), tuple([each[1] for each in waiting]))
