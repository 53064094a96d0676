"""Schedules: named stretches of the week or the year, in the clock of a place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.common.timezone import parse_zone, zone_hint
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.tree import Word

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)")
_WHOLE_DAY = (0, 24 * 60)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Part:
    """Some days with some hours of each."""

    days: frozenset[int]
    """Monday is 0."""
    dates: tuple[tuple[date, date], ...]
    """From and to, both included. A day counts where it is one of the days or within the dates."""
    hours: tuple[tuple[int, int], ...]
    """Minutes since midnight, the end not included; one that ends before it starts ends on the next day."""

    def holds(self, local: datetime) -> bool:
        """Whether this local time lies within."""
        minute = local.hour * 60 + local.minute
        today = local.date()
        for start, end in self.hours:
            if start < end:
                if start <= minute < end and self._counts(today):
                    return True
            elif (minute >= start and self._counts(today)) or (minute < end and self._counts(today - _DAY)):
                return True
        return False

    def _counts(self, day: date) -> bool:
        if not self.days and not self.dates:
            return True
        return day.weekday() in self.days or any(first <= day <= last for first, last in self.dates)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When it holds, by the clock on the wall of its zone: daylight saving time moves it along."""

    name: str
    zone: ZoneInfo
    parts: tuple[Part, ...]

    def holds(self, now_ns: int) -> bool:
        """Whether it holds at this time, in nanoseconds since the epoch."""
        local = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).astimezone(self.zone)
        return any(part.holds(local) for part in self.parts)


def check_schedule(statement: syntax.ScheduleStatement, problems: list[Diagnostic]) -> Schedule | None:
    """The schedule of a statement, or None with what is wrong noted."""
    before = len(problems)
    zone = _zone(statement.zone, problems)
    parts = tuple(_part(moments, problems) for moments in statement.moments)
    if len(problems) > before or zone is None:
        return None
    return Schedule(statement.name.text, zone, parts)


def _zone(word: Word | None, problems: list[Diagnostic]) -> ZoneInfo | None:
    if word is None:
        return ZoneInfo("UTC")
    zone = parse_zone(word.text)
    if zone is None:
        message = f"unknown time zone `{word.text}`"
        problems.append(Diagnostic(Code.BAD_SCHEDULE, message, word.span, zone_hint(word.text)))
    return zone


def _part(moments: syntax.Moments, problems: list[Diagnostic]) -> Part:
    days = frozenset(day for word in moments.days for day in _days(word.text))
    dates = [span for word in moments.dates if (span := _dates(word, problems)) is not None]
    hours = [found for word in moments.hours if (found := _hours(word, problems)) is not None]
    return Part(days, tuple(dates), tuple(hours) or (_WHOLE_DAY,))


def _days(text: str) -> list[int]:
    first, _, last = text.partition("-")
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return [day % 7 for day in range(start, (end if end >= start else end + 7) + 1)]


def _dates(word: Word, problems: list[Diagnostic]) -> tuple[date, date] | None:
    first, _, last = word.text.partition("..")
    try:
        found = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        problems.append(Diagnostic(Code.BAD_SCHEDULE, f"`{word.text}` is no date", word.span, "like 2026-12-24"))
        return None
    if found[0] > found[1]:
        problems.append(
            Diagnostic(Code.BAD_SCHEDULE, f"`{word.text}` ends before it begins", word.span, "write first..last")
        )
        return None
    return found


def _hours(word: Word, problems: list[Diagnostic]) -> tuple[int, int] | None:
    match = _HOURS.fullmatch(word.text)
    assert match is not None, "the grammar takes nothing else"
    hour, minute, until_hour, until_minute = map(int, match.groups())
    start, end = hour * 60 + minute, until_hour * 60 + until_minute
    if minute > 59 or until_minute > 59 or start >= _WHOLE_DAY[1] or end > _WHOLE_DAY[1]:
        problems.append(
            Diagnostic(Code.BAD_SCHEDULE, f"`{word.text}` is not on the clock", word.span, "from 00:00 to 24:00")
        )
        return None
    if start == end:
        problems.append(
            Diagnostic(Code.BAD_SCHEDULE, f"`{word.text}` is no time at all", word.span, "the whole day is 00:00-24:00")
        )
        return None
    return start, end
