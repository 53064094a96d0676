"""The values of fields in the newest alerts, for people who write conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.common.text import shortened
from bridge.journal.protocols import History

_MOST_ALERTS = 2_000
_PAGE = 100
_MOST_VALUES = 5
"""Values of one field; the others are counted."""
_LONGEST = 400
"""Characters of one value. Alerts decide how long a value is."""


@dataclass(frozen=True, slots=True)
class FieldValues:
    """The values of one field."""

    alerts: int
    """How many alerts have it."""
    distinct: int
    most: tuple[tuple[str, int], ...]
    """The most frequent values, each with the number of its alerts. As alerts have them: not escaped."""


@dataclass(frozen=True, slots=True)
class RecentValues:
    """What was found in the newest alerts."""

    alerts: int
    oldest_ns: int | None
    """When the oldest of these alerts was received; None if there are none."""
    fields: Mapping[str, FieldValues]
    """By the name of the field or attribute. Those that no alert has are absent."""


def recent_values(
    history: History, redacted: Callable[[Alert], Alert], may_continue: Callable[[], bool]
) -> RecentValues:
    """Count the values of the newest alerts, at most 2,000, while it may continue. Raises JournalError."""
    counts: dict[str, Counter[str]] = {}
    oldest_ns, alerts, numbers = None, 0, history.span()
    first = history.first_number()
    while numbers.stop > first and alerts < _MOST_ALERTS and may_continue():
        page = range(max(first, numbers.stop - _PAGE), numbers.stop)
        numbers = range(numbers.start, page.start)
        for each in history.numbered(page[::-1], decisions=False):
            alerts, oldest_ns = alerts + 1, each.received_ns
            for name, value in _values(redacted(each.alert)):
                counts.setdefault(name, Counter())[shortened(value, _LONGEST)] += 1
    fields = {
        name: FieldValues(found.total(), len(found), tuple(found.most_common(_MOST_VALUES)))
        for name, found in counts.items()
    }
    return RecentValues(alerts, oldest_ns, fields)


def _values(alert: Alert) -> Iterator[tuple[str, str]]:
    """The fields and attributes that conditions compare with values that people choose."""
    yield from alert.fields.items()
    yield "rule", alert.rule
    yield "priority", alert.priority.word
    yield "source", alert.source
    yield "hostname", alert.hostname
    yield "tags", f"({','.join(alert.tags)})"
