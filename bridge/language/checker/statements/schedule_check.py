"""Checks ``schedule`` statements: days, dates, hours and the time zone."""

from __future__ import annotations

import re
from datetime import date
from zoneinfo import ZoneInfo

from bridge.common.clocks.timezone import find_zone, zone_hint
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.program.schedule import WHOLE_DAY, Period, Schedule
from bridge.language.syntax import tree as syntax

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)")
_MINUTES_PER_DAY = 24 * 60


def check_schedule(statement: syntax.ScheduleStatement, problems: list[Diagnostic]) -> Schedule | None:
    """The schedule of a statement. None after an error, which is added to ``problems``."""
    before = len(problems)
    zone = _zone(statement.zone, problems)
    periods = tuple(_period(words, problems) for words in statement.periods)
    if len(problems) > before or zone is None:
        return None
    return Schedule(statement.name.text, zone, periods)


def _zone(word: syntax.Word | None, problems: list[Diagnostic]) -> ZoneInfo | None:
    if word is None:
        return ZoneInfo("UTC")
    zone = find_zone(word.text)
    if zone is None:
        message = f"unknown time zone `{word.text}`"
        problems.append(Diagnostic(Code.BAD_SCHEDULE, message, word.span, zone_hint(word.text)))
    return zone


def _period(words: syntax.PeriodWords, problems: list[Diagnostic]) -> Period:
    days = frozenset(day for word in words.days for day in _days(word.text))
    dates = [dates for word in words.dates if (dates := _dates(word, problems)) is not None]
    hours = [hours for word in words.hours if (hours := _hours(word, problems)) is not None]
    return Period(days, tuple(dates), tuple(hours) or (WHOLE_DAY,))


def _days(text: str) -> list[int]:
    first, _, last = text.partition("-")
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return [day % 7 for day in range(start, (end if end >= start else end + 7) + 1)]


def _dates(word: syntax.Word, problems: list[Diagnostic]) -> tuple[date, date] | None:
    first, _, last = word.text.partition("..")
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        problems.append(Diagnostic(Code.BAD_SCHEDULE, f"invalid date `{word.text}`", word.span, "like 2026-12-24"))
        return None
    if start > end:
        message = f"`{word.text}` ends before it starts"
        problems.append(Diagnostic(Code.BAD_SCHEDULE, message, word.span, f"write `{last}..{first}`"))
        return None
    return start, end


def _hours(word: syntax.Word, problems: list[Diagnostic]) -> tuple[int, int] | None:
    match = _HOURS.fullmatch(word.text)
    assert match is not None, "the grammar accepts nothing else"
    hour, minute, end_hour, end_minute = map(int, match.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or start >= _MINUTES_PER_DAY or end > _MINUTES_PER_DAY:
        message = f"invalid time of day in `{word.text}`"
        problems.append(Diagnostic(Code.BAD_SCHEDULE, message, word.span, "from 00:00 to 24:00"))
        return None
    if start == end:
        message = f"`{word.text}` is an empty period"
        problems.append(Diagnostic(Code.BAD_SCHEDULE, message, word.span, "for the whole day: 00:00-24:00"))
        return None
    return start, end
