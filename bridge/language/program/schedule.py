"""Schedules: named periods of the week or the year, in a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.common.clocks.times import SECOND_NS

WHOLE_DAY = (0, 24 * 60)
"""The hours of a period that gives none: minutes since midnight."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Hours on certain days. Without days and dates, on every day."""

    days: frozenset[int]
    """Days of the week; Monday is 0."""
    dates: tuple[tuple[date, date], ...]
    """First and last date, both included. A day is included if either ``days`` or ``dates`` includes it."""
    hours: tuple[tuple[int, int], ...]
    """Start and end in minutes since midnight, the end excluded. An end before the start is on the next day."""

    def holds(self, local: datetime) -> bool:
        """Whether the period includes this local time."""
        minute = local.hour * 60 + local.minute
        today = local.date()
        for start, end in self.hours:
            if start < end:
                if start <= minute < end and self._includes(today):
                    return True
            elif (minute >= start and self._includes(today)) or (minute < end and self._includes(today - _DAY)):
                return True
        return False

    def _includes(self, day: date) -> bool:
        if not self.days and not self.dates:
            return True
        return day.weekday() in self.days or any(first <= day <= last for first, last in self.dates)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Periods in the local time of a zone; they follow its daylight saving time."""

    name: str
    zone: ZoneInfo
    periods: tuple[Period, ...]

    def holds(self, now_ns: int) -> bool:
        """Whether a period includes this time, in nanoseconds since the epoch."""
        local = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).astimezone(self.zone)
        return any(period.holds(local) for period in self.periods)
