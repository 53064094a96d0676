"""``unless C within D by … [wait W]``: ends the way of an alert if an alert that meets C was received."""

from __future__ import annotations

from bisect import insort
from typing import Any

import msgspec

from bridge.language.program.clauses import Unless
from bridge.routing.memory.moments import moment
from bridge.routing.memory.passage import Passage
from bridge.routing.memory.stage import LATENESS_NS, Seen, StageResult
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


class UnlessStage:
    """Holds alerts for up to W, and remembers for D which keys met the condition."""

    def __init__(self, clause: Unless) -> None:
        self._window_ns = clause.window_ns
        self._wait_ns = clause.wait_ns

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> StageResult:
        """End the way of the alert, hold it, or let it pass."""
        row: Sightings = table.get(key) or Sightings()
        other = next((each for each in row.times if self._suppresses(each, passage)), None)
        if other is not None:
            return StageResult(
                reason=Reason.SUPPRESSED_BY_UNLESS, detail=f"by the alert {other[1]} of {moment(other[0], now_ns)}"
            )
        if self._wait_ns is None or self._deadline(passage) <= now_ns:
            return StageResult((passage,))
        held = (*row.held, passage)
        released, held = held[:-_MAX_HELD], held[-_MAX_HELD:]
        self._store(table, key, Sightings(row.times, held), now_ns)
        until = moment(self._deadline(passage), now_ns)
        return StageResult(released, Reason.WAITING, f"until {until}, {len(held)} waiting")

    def observe(self, table: Table, number: int, key: bytes, seen: Seen, now_ns: int) -> StageResult:  # noqa: ARG002
        """An alert meets the condition: what it suppresses ends here."""
        row: Sightings = table.get(key) or Sightings()
        times = list(row.times)
        insort(times, (seen.event_ns, seen.alert_id))
        held = tuple(each for each in row.held if not self._suppresses((seen.event_ns, seen.alert_id), each))
        self._store(table, key, Sightings(tuple(times[-_MAX_TIMES:]), held), now_ns)
        return StageResult(reason=Reason.SUPPRESSED_BY_UNLESS if len(held) < len(row.held) else None)

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """Pass what has waited long enough, and forget what is too old."""
        row: Sightings = table.get(key)  # type: ignore[assignment]
        passed = tuple(each for each in row.held if self._deadline(each) <= now_ns)
        held = tuple(each for each in row.held if self._deadline(each) > now_ns)
        times = tuple(each for each in row.times if each[0] + self._window_ns + LATENESS_NS > now_ns)
        self._store(table, key, Sightings(times, held), now_ns)
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

    def _deadline(self, passage: Passage) -> int:
        return passage.event_ns + (self._wait_ns or 0) + LATENESS_NS

    def _store(self, table: Table, key: bytes, row: Sightings, now_ns: int) -> None:
        if not row.times and not row.held:
            table.remove(key)
            return
        deadlines = [self._deadline(each) for each in row.held]
        deadlines += [each[0] + self._window_ns + LATENESS_NS for each in row.times[:1]]
        table.put(key, row, max(min(deadlines), now_ns + 1))
