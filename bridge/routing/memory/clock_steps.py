"""Moves what clauses remember when the bridge's wall clock was set. Pure.

Times of the bridge (what was sent, when a route began, when a timer fires) move by the step, so that nothing waits
longer or ends sooner by it. Event times come from other machines and stay; one that is now in the future counts as
received now, so it may be earlier than one that was before it: lists of event times are put in order again.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from bridge.common.clocks.clock import Step
from bridge.routing.memory.clauses.absent import LastSeen
from bridge.routing.memory.clauses.after import Released, Window
from bridge.routing.memory.clauses.join import Held, Partners
from bridge.routing.memory.clauses.new import STARTED, Sighting
from bridge.routing.memory.clauses.passage import pack
from bridge.routing.memory.clauses.sequence import Waiting
from bridge.routing.memory.clauses.throttle import Slots
from bridge.routing.memory.clauses.unless import Sightings
from bridge.routing.memory.incident import Incident
from bridge.routing.state import NEVER_NS, State

FUTURE_NS = 60_000_000_000
"""How far ahead of the clock an event time may be."""


def follow(state: State, step: Step) -> int:
    """Move every time in the state. Returns how many rows there are."""
    for table in state.tables.values():
        for key, (row, due_ns) in list(table.entries.items()):
            moved = Sighting(step.moved(row.last_ns)) if key == STARTED else _moved(row, step)
            table.replace(key, moved, due_ns if due_ns == NEVER_NS else step.moved(due_ns))
    return state.size


def _moved(row: Any, step: Step) -> Any:  # noqa: C901  # one case for each kind of row
    latest_ns = step.now_ns + FUTURE_NS

    def event(at_ns: int) -> int:
        return at_ns if at_ns <= latest_ns else step.now_ns

    match row:
        case Slots():
            return replace(row, sent=tuple(step.moved(each) for each in row.sent))
        case Incident():
            passage = row.passage
            return replace(
                row,
                packed=pack(replace(passage, event_ns=step.now_ns)) if passage.event_ns > latest_ns else row.packed,
                opened_ns=step.moved(row.opened_ns),
                matched_ns=step.moved(row.matched_ns),
                changed_ns=step.moved_if_set(row.changed_ns),
                pending=tuple((step.moved(due_ns), channel) for due_ns, channel in row.pending),
            )
        case Partners():
            held = tuple(
                Held(replace(each.passage, event_ns=event(each.passage.event_ns)), step.moved(each.until_ns))
                for each in row.held
            )
            partners = sorted([(event(each[0]), *each[1:]) for each in row.partners], key=lambda each: each[0])
            return replace(row, held=held, partners=tuple(partners))
        case Sighting():
            return replace(row, last_ns=event(row.last_ns))
        case Released():
            return replace(row, at_ns=step.moved(row.at_ns))
        case Window():
            times = tuple(sorted(map(event, row.times)))
            values = {value: event(at_ns) for value, at_ns in row.values.items()}
            return replace(row, newest_ns=max((*times, *values.values())), times=times, values=values)
        case LastSeen():
            return replace(row, passage=replace(row.passage, event_ns=event(row.passage.event_ns)))
        case Waiting():
            return replace(
                row,
                attempts=tuple(
                    replace(each, last_ns=event(each.last_ns), due_ns=step.moved_if_set(each.due_ns))
                    for each in row.attempts
                ),
                early=tuple((event(each[0]), *each[1:]) for each in row.early),
                early_until_ns=tuple(step.moved(each) for each in row.early_until_ns),
            )
        case Sightings():
            return replace(
                row,
                times=tuple(sorted((event(at_ns), alert_id) for at_ns, alert_id in row.times)),
                held=tuple(replace(each, event_ns=event(each.event_ns)) for each in row.held),
                until_ns=tuple(step.moved(each) for each in row.until_ns),
            )
    return row  # an open group has no time but its timer
