"""A stored alert as a row of a page."""

from __future__ import annotations

import msgspec

from bridge.common.clocks.times import iso_text
from bridge.common.text import one_line
from bridge.history.in_words import decision_text, where
from bridge.journal.records import RecordedAlert

_SHORT, _LONG = 60, 300


class Row(msgspec.Struct, frozen=True):
    """Everything is visible text in one line."""

    time: str
    """RFC 3339, UTC."""
    id: str
    priority: str
    rule: str
    where: str
    output: str
    decided: str


def row_of(recorded: RecordedAlert) -> Row:
    """The row of one alert."""
    alert = recorded.alert
    decided = "; ".join(map(decision_text, recorded.decisions)) or "no route matched"
    return Row(
        iso_text(alert.time_ns), alert.id, alert.priority.word, one_line(alert.rule, _SHORT),
        one_line(where(alert), _SHORT), one_line(alert.output, _LONG), one_line(decided, _LONG),
    )  # fmt: skip
