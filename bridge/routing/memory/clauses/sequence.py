"""``then [not] C within D by …``: a match that is followed, or not followed, by other alerts on the same key.

Each match begins an attempt. An attempt waits at its next step under the key of that step, so an alert that meets the
step's condition finds all attempts that it completes with one lookup.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.language.program.clauses import Then
from bridge.routing.memory.clauses.after import RELEASED, Released, release
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.stage import LATENESS_NS, Seen, SilencedBy, StageResult
from bridge.routing.memory.keys import HASH_SIZE
from bridge.routing.memory.moments import moment
from bridge.routing.reason import Reason
from bridge.routing.state import Table

MAX_OPEN = 100
"""Attempts open on one key; the oldest go first."""
_MAX_EARLY = 20
_MAX_EARLY_HELD = 100
_MAX_NAMED = 20


class OpenSequence(msgspec.Struct, frozen=True, gc=False):
    """A sequence that has begun."""

    passage: Passage
    """The first step's match."""
    last_ns: int
    """Event time of the last step that happened."""
    keys: tuple[bytes, ...]
    """The key of each later step."""
    due_ns: int = 0
    """Until when it waits for its next step, in processing time. 0 in a row of an older journal."""


class Waiting(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """What waits for one step on one key."""

    attempts: tuple[OpenSequence, ...] = ()
    early: tuple[tuple[int, str, dict[str, str]], ...] = ()
    """Alerts that met the step's condition: event time, id, values. Their first step may arrive late."""
    early_until_ns: tuple[int, ...] = ()
    """Until when each of them is remembered, in processing time. Empty in a row of an older journal."""
    early_arrived: tuple[int, ...] = ()
    """What orders them by arrival, over all steps. Empty in a row of an older journal."""


_Early = tuple[tuple[int, str, dict[str, str]], int, int]
"""An alert that met a step's condition, until when it is remembered, and its arrival."""
_NOW = 1 << 63
"""The arrival of the alert that is being decided about: later than all that were remembered."""


class SequenceStage:
    """Runs the attempts of all keys."""

    def __init__(self, clause: Then, held_ns: int = 0) -> None:
        """``held_ns``: how long clauses before this one may hold an alert, which then begins an attempt late."""
        self._steps = clause.steps
        self._early_ns = held_ns + LATENESS_NS
        self._most_early = _MAX_EARLY_HELD if held_ns else _MAX_EARLY
        self._arrived = 0

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> StageResult:
        """Begin an attempt. ``key`` holds the keys of all steps, one after the other."""
        keys = tuple(key[at : at + HASH_SIZE] for at in range(0, len(key), HASH_SIZE))
        due_ns = self._due(passage.event_ns, 0)
        done = self._advance(table, OpenSequence(passage, passage.event_ns, keys, due_ns), 0, now_ns)
        if done:
            return StageResult(done)
        until = moment(passage.event_ns + self._steps[0].window_ns, now_ns)
        return StageResult(reason=Reason.SEQUENCE_OPEN, detail=f"waits for step 2 until {until}")

    def observe(self, table: Table, number: int, key: bytes, seen: Seen, now_ns: int) -> StageResult:
        """An alert meets the condition of a step. Passes each attempt that it completes."""
        place = bytes((number,)) + key
        row: Waiting = table.get(place) or Waiting()
        step = self._steps[number]
        met = [each for each in row.attempts if _completes(each, seen.event_ns, seen.alert_id, step.window_ns)]
        until_ns = seen.event_ns + self._early_ns
        early = [*self._early(row), ((seen.event_ns, seen.alert_id, seen.values), until_ns, self._arrival(now_ns))]
        self._store(table, place, [each for each in row.attempts if each not in met], early, number, now_ns)
        if step.negated:
            return StageResult(reason=Reason.SEQUENCE_EXPIRED if met else None)
        done: list[Passage] = []
        for attempt in met:
            stepped = _stepped(attempt, number, seen, self._due(seen.event_ns, number + 1))
            done += self._advance(table, stepped, number + 1, now_ns)
        return StageResult(tuple(done))

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """Deadlines have passed: an attempt ends, or passes if the step was a ``then not``."""
        number = key[0]
        row: Waiting = table.get(key)  # type: ignore[assignment]
        step = self._steps[number]
        over = [each for each in row.attempts if self._deadline(each, number) <= now_ns]
        left = [each for each in row.attempts if each not in over]
        self._store(table, key, left, [each for each in self._early(row) if each[1] > now_ns], number, now_ns)
        if step.negated:
            return StageResult(tuple(each.passage for each in over))
        return StageResult(reason=Reason.SEQUENCE_EXPIRED if over else None)

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:
        """A ``then not`` passes. Of another sequence the latest first step passes, for one evicted key per window."""
        if isinstance(row, Released):
            table.put(RELEASED, row)
            return StageResult()
        if not row.attempts:
            return StageResult()
        passage = row.attempts[-1].passage
        if self._steps[key[0]].negated:
            return StageResult((passage,), Reason.STATE_EVICTED)
        return release(table, passage, self._steps[key[0]].window_ns, now_ns)

    def _advance(
        self, table: Table, attempt: OpenSequence, number: int, now_ns: int, arrived: int = _NOW
    ) -> tuple[Passage, ...]:
        """Let an attempt wait for the step with this number, or go on if the step's alert is there already.

        ``arrived`` is the arrival of the step before. Of two alerts at the same time, the later arrival is later.
        """
        if number == len(self._steps):
            return (attempt.passage,)
        step = self._steps[number]
        place = bytes((number,)) + attempt.keys[number]
        row: Waiting = table.get(place) or Waiting()
        early = self._early(row)
        for (event_ns, alert_id, values), until_ns, arrival in early:
            is_later = (event_ns, arrival) > (attempt.last_ns, arrived)
            if is_later and _completes(attempt, event_ns, alert_id, step.window_ns):
                if step.negated:
                    return ()
                due_ns = self._due(until_ns - self._early_ns, number + 1)
                stepped = _stepped(attempt, number, Seen(alert_id, event_ns, values), due_ns)
                return self._advance(table, stepped, number + 1, now_ns, arrival)
        self._store(table, place, [*row.attempts, attempt][-MAX_OPEN:], early, number, now_ns)
        return ()

    def _early(self, row: Waiting) -> list[_Early]:
        until_ns = row.early_until_ns or tuple(each[0] + self._early_ns for each in row.early)
        return list(zip(row.early, until_ns, row.early_arrived or (0,) * len(row.early), strict=True))

    def _arrival(self, now_ns: int) -> int:
        """A number that orders arrivals, also those of one moment."""
        self._arrived = max(now_ns, self._arrived + 1)
        return self._arrived

    def _due(self, at_ns: int, number: int) -> int:
        """Until when an attempt waits whose last step was then; 0 if there is no step with this number."""
        return at_ns + self._steps[number].window_ns + LATENESS_NS if number < len(self._steps) else 0

    def _deadline(self, attempt: OpenSequence, number: int) -> int:
        return attempt.due_ns or self._due(attempt.last_ns, number)

    def _store(
        self, table: Table, place: bytes, attempts: list[OpenSequence], early: list[_Early], number: int, now_ns: int
    ) -> None:
        if not attempts and not early:
            table.remove(place)
            return
        early = early[-self._most_early :]
        deadlines = [self._deadline(each, number) for each in attempts] + [each[1] for each in early]
        alerts, until_ns, arrived = zip(*early, strict=True) if early else ((), (), ())
        row = Waiting(tuple(attempts), alerts, until_ns, arrived)
        table.put(place, row, max(min(deadlines), now_ns + 1))


def _completes(attempt: OpenSequence, event_ns: int, alert_id: str, window_ns: int) -> bool:
    """Whether an alert with this event time is the attempt's next step. Exactly ``window_ns`` later is too late."""
    passage = attempt.passage
    if alert_id == passage.alert_id or alert_id in passage.alerts:
        return False
    return attempt.last_ns <= event_ns < attempt.last_ns + window_ns


def _stepped(attempt: OpenSequence, number: int, seen: Seen, due_ns: int) -> OpenSequence:
    """The attempt after one more step. The second step of the sequence is ``%2.field`` in texts."""
    passage = attempt.passage
    values = {f"{number + 2}.{name}": value for name, value in seen.values.items()}
    return OpenSequence(
        msgspec.structs.replace(
            passage,
            values=passage.values | values,
            alerts=(*(passage.alerts or (passage.alert_id,)), seen.alert_id),
            last_ns=max(passage.last_ns, seen.event_ns),
        ),
        seen.event_ns,
        attempt.keys,
        due_ns,
    )


def as_one(done: tuple[Passage, ...], silenced: SilencedBy) -> tuple[Passage, ...]:
    """One notification names all attempts that one alert completes. Its texts are of the first attempt.

    Those whose first step is silenced are left out, unless all are.
    """
    if len(done) < 2:
        return done
    done = tuple([each for each in done if silenced(each.alert_id) is None]) or done[:1]
    if len(done) < 2:
        return done
    first = done[0]
    named = tuple(dict.fromkeys(each for passage in done for each in passage.alerts))[:_MAX_NAMED]
    return (msgspec.structs.replace(first, count=len(done), alerts=named),)
