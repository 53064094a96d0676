"""``with NAME = C within D by … [wait W]``: joins an alert with the latest one that meets C on the same key."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.language.program.clauses import With
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.stage import LATENESS_NS, Seen, StageResult
from bridge.routing.memory.moments import moment
from bridge.routing.reason import Reason
from bridge.routing.state import Table

_MAX_PARTNERS = 8
_MAX_PARTNERS_HELD = 50
_MAX_HELD = 100


class Held(msgspec.Struct, frozen=True, gc=False):
    """An alert that waits for its partner until ``until_ns``, in processing time."""

    passage: Passage
    until_ns: int


class Partners(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """What is known of a key."""

    partners: tuple[tuple[int, str, dict[str, str]], ...] = ()
    """Alerts that met the condition: event time, id, values; the latest last."""
    held: tuple[Held, ...] = ()


class JoinStage:
    """Finds partners. An alert without a partner continues unjoined after the window."""

    def __init__(self, clause: With, held_ns: int = 0) -> None:
        """``held_ns``: how long clauses before this one may hold an alert, whose partner is remembered as long."""
        self._name = clause.name
        self._window_ns = clause.window_ns
        self._wait_ns = clause.wait_ns
        self._kept_ns = clause.window_ns + held_ns + LATENESS_NS
        self._most_partners = _MAX_PARTNERS_HELD if held_ns else _MAX_PARTNERS

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> Passage | StageResult:
        """Join with a partner that is there, or wait for one."""
        row: Partners = table.get(key) or Partners()
        fitting = [each for each in row.partners if self._fits(passage, each[0], each[1])]
        if fitting:
            event_ns, alert_id, values = fitting[-1]
            return self._joined(passage, Seen(alert_id, event_ns, values))
        held = (*row.held, Held(passage, now_ns + self._wait_ns))
        released, held = held[:-_MAX_HELD], held[-_MAX_HELD:]
        self._store(table, key, Partners(row.partners, held), now_ns)
        until = moment(now_ns + self._wait_ns, now_ns)
        return StageResult(
            tuple(each.passage for each in released), Reason.WAITING, f"until {until}, {len(held)} waiting"
        )

    def observe(self, table: Table, number: int, key: bytes, seen: Seen, now_ns: int) -> StageResult:  # noqa: ARG002
        """An alert meets the condition: alerts that wait for it go on."""
        row: Partners = table.get(key) or Partners()
        met = [each for each in row.held if self._fits(each.passage, seen.event_ns, seen.alert_id)]
        partners = sorted((*row.partners, (seen.event_ns, seen.alert_id, seen.values)), key=lambda each: each[0])
        left = tuple(each for each in row.held if each not in met)
        self._store(table, key, Partners(tuple(partners[-self._most_partners :]), left), now_ns)
        return StageResult(tuple(self._joined(each.passage, seen) for each in met))

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """Pass on the alerts that have waited long enough, and remove partners that are too old."""
        row: Partners = table.get(key)  # type: ignore[assignment]
        passed = tuple(each.passage for each in row.held if each.until_ns <= now_ns)
        held = tuple(each for each in row.held if each.until_ns > now_ns)
        partners = tuple(each for each in row.partners if each[0] + self._kept_ns > now_ns)
        self._store(table, key, Partners(partners, held), now_ns)
        return StageResult(passed)

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:  # noqa: ARG002
        """Pass on the held alerts, unjoined."""
        return StageResult(tuple(each.passage for each in row.held), Reason.STATE_EVICTED if row.held else None)

    def _fits(self, passage: Passage, event_ns: int, alert_id: str) -> bool:
        """Whether the other alert is within D before the passage, or up to W after it."""
        return alert_id != passage.alert_id and (
            passage.event_ns - self._window_ns < event_ns <= passage.event_ns + self._wait_ns
        )

    def _joined(self, passage: Passage, seen: Seen) -> Passage:
        values = {f"{self._name}.{name}": value for name, value in seen.values.items()}
        return msgspec.structs.replace(
            passage,
            values=passage.values | values,
            alerts=(*(passage.alerts or (passage.alert_id,)), seen.alert_id),
        )

    def _store(self, table: Table, key: bytes, row: Partners, now_ns: int) -> None:
        if not row.partners and not row.held:
            table.remove(key)
            return
        deadlines = [each.until_ns for each in row.held]
        deadlines += [each[0] + self._kept_ns for each in row.partners[:1]]
        table.put(key, row, max(min(deadlines), now_ns + 1))
