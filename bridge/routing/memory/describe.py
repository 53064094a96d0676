"""What a clause remembers of a key, in words: ``3 sent since 12:04, next at 12:14, 132 held back``."""

from __future__ import annotations

from typing import Any

from bridge.language.program.clauses import After, Clause, Throttle
from bridge.routing.memory.clauses.absent import LastSeen
from bridge.routing.memory.clauses.after import Window
from bridge.routing.memory.clauses.group import OpenGroup
from bridge.routing.memory.clauses.join import Partners
from bridge.routing.memory.clauses.new import Sighting
from bridge.routing.memory.clauses.sequence import Waiting
from bridge.routing.memory.clauses.throttle import Slots
from bridge.routing.memory.clauses.unless import Sightings
from bridge.routing.memory.incident import Incident
from bridge.routing.memory.moments import moment

NOTHING = "nothing yet"


def describe(row: Any, clause: Clause | None, due_ns: int | None, now_ns: int) -> str:  # noqa: C901  # one case a row
    """The content of a row at ``now_ns``. ``clause`` is None for an incident; ``due_ns`` is when its timer fires."""
    match row:
        case None:
            return NOTHING
        case Slots():
            return _slots(row, clause, now_ns)
        case Window():
            return _window(row, clause, now_ns)
        case OpenGroup():
            digest = "" if due_ns is None else f", digest at {moment(due_ns, now_ns)}"
            return f"{row.count} gathered{digest if row.count else ''}"
        case Sighting():
            return f"seen at {moment(row.last_ns, now_ns)}"
        case LastSeen():
            return f"seen at {moment(row.passage.event_ns, now_ns)}"
        case Waiting():
            return f"{len(row.attempts)} waiting for this step"
        case Sightings():
            seen = f"the other alert at {moment(row.times[-1][0], now_ns)}, " if row.times else ""
            return f"{seen}{len(row.held)} waiting"
        case Partners():
            seen = f"the other alert at {moment(row.partners[-1][0], now_ns)}, " if row.partners else ""
            return f"{seen}{len(row.held)} waiting"
        case Incident():
            return _incident(row, now_ns)
        case _:
            return NOTHING


def _slots(row: Slots, clause: Clause | None, now_ns: int) -> str:
    window_ns, count = (clause.window_ns, clause.count) if isinstance(clause, Throttle) else (0, 0)
    sent = [each for each in row.sent if each > now_ns - window_ns]
    if not sent:
        return f"{row.held} held back" if row.held else NOTHING
    free = f", next at {moment(sent[0] + window_ns, now_ns)}" if len(sent) >= count else f" of {count}"
    if len(sent) < count:
        return f"{len(sent)}{free} sent since {moment(sent[0], now_ns)}, {row.held} held back"
    return f"{len(sent)} sent since {moment(sent[0], now_ns)}{free}, {row.held} held back"


def _window(row: Window, clause: Clause | None, now_ns: int) -> str:
    times = sorted(row.values.values()) if row.values else list(row.times)
    wanted = f" of {clause.count}" if isinstance(clause, After) else ""
    return f"{len(times)}{wanted} since {moment(times[0], now_ns)}" if times else NOTHING


def _incident(row: Incident, now_ns: int) -> str:
    by = f" by {row.actor}" if row.actor else ""
    since = moment(row.opened_ns if row.state.value == "open" else row.changed_ns, now_ns)
    text = f"{row.state.value}{by} since {since}, {row.count} {'alert' if row.count == 1 else 'alerts'}"
    steps = [f"{channel} at {moment(due_ns, now_ns)}" for due_ns, channel in row.pending]
    return text + (f", then to {', '.join(steps)}" if steps else "")
