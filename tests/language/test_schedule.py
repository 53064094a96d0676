"""Schedules follow the local time of their zone, including daylight saving time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bridge.common.clocks.durations import parse_duration
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.schedule import Schedule
from bridge.language.syntax.parser import parse


def schedule(text: str) -> Schedule:
    program = check([SourceText("t", f'schedule s = {text}\nroute "r" {{ during s drop }}')], Known(None, None)).program
    assert program is not None
    return program.routes[0].during[0].schedule


def at(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000_000


CASES = [
    ('mon-fri 09:00-18:00 in "Asia/Seoul"', "2026-01-05T09:00:00", "Asia/Seoul", True),
    ('mon-fri 09:00-18:00 in "Asia/Seoul"', "2026-01-05T18:00:00", "Asia/Seoul", False),
    ('mon-fri 09:00-18:00 in "Asia/Seoul"', "2026-01-04T12:00:00", "Asia/Seoul", False),
    ('mon-fri 09:00-18:00 in "Asia/Seoul"', "2026-01-05T00:30:00", "UTC", True),
    ("fri-mon", "2026-01-04T12:00:00", "UTC", True),
    ("fri-mon", "2026-01-07T12:00:00", "UTC", False),
    ("fri 22:00-06:00", "2026-01-10T05:59:00", "UTC", True),  # Friday's night, on Saturday
    ("fri 22:00-06:00", "2026-01-09T05:59:00", "UTC", False),
    ("2026-12-24..2026-12-26", "2026-12-26T23:59:00", "UTC", True),
    ("2026-12-24..2026-12-26", "2026-12-27T00:00:00", "UTC", False),
    ("sat, sun, 2026-01-07 10:00-11:00, 15:00-16:00", "2026-01-07T15:30:00", "UTC", True),
    ("sat, sun, 2026-01-07 10:00-11:00, 15:00-16:00", "2026-01-08T15:30:00", "UTC", False),
    ("mon 09:00-10:00, tue", "2026-01-06T20:00:00", "UTC", True),
    ("00:00-24:00", "2026-01-06T23:59:59", "UTC", True),
    ('09:00-10:00 in "Europe/Berlin"', "2026-07-01T07:30:00", "UTC", True),  # summer: UTC+2
    ('09:00-10:00 in "Europe/Berlin"', "2026-01-07T07:30:00", "UTC", False),  # winter: UTC+1
    ('02:00-03:00 in "Europe/Berlin"', "2026-10-25T00:30:00", "UTC", True),  # the hour that occurs twice
    ('02:00-03:00 in "Europe/Berlin"', "2026-10-25T01:30:00", "UTC", True),
    ('02:00-03:00 in "Europe/Berlin"', "2026-03-29T01:30:00", "UTC", False),  # the hour that is skipped
    ('sat 22:00-06:00 in "Europe/Berlin"', "2026-03-29T03:59:59", "UTC", True),  # a night of seven hours
    ('sat 22:00-06:00 in "Europe/Berlin"', "2026-03-29T04:00:00", "UTC", False),
    ('sat 22:00-06:00 in "Europe/Berlin"', "2026-10-25T04:59:59", "UTC", True),  # and of nine
    ('sat 22:00-06:00 in "Europe/Berlin"', "2026-10-25T05:00:00", "UTC", False),
    ('2026-12-31 22:00-02:00 in "Asia/Kathmandu"', "2026-12-31T20:14:59", "UTC", True),  # UTC+5:45
    ('2026-12-31 22:00-02:00 in "Asia/Kathmandu"', "2026-12-31T20:15:00", "UTC", False),
    ('01:30-02:00 in "Australia/Lord_Howe"', "2026-04-04T15:15:00", "UTC", True),  # half an hour occurs twice
    ('02:00-02:30 in "Australia/Lord_Howe"', "2026-10-03T15:30:00", "UTC", False),  # and is skipped
    ('00:00-01:00 in "America/Havana"', "2026-03-08T05:30:00", "UTC", False),  # midnight is skipped
    ('sun 01:00-02:00 in "America/Havana"', "2026-03-08T05:30:00", "UTC", True),
    ('2011-12-30 in "Pacific/Apia"', "2011-12-30T10:00:00", "UTC", False),  # a day that Samoa skipped
    ('mon in "Etc/GMT+12"', "2026-01-06T11:59:00", "UTC", True),
    ('tue in "Pacific/Kiritimati"', "2026-01-05T10:00:00", "UTC", True),  # UTC+14
    ("2024-02-29", "2024-02-29T23:59:59", "UTC", True),
]


@pytest.mark.parametrize(("text", "moment", "zone", "holds"), CASES)
def test_a_schedule_holds(text: str, moment: str, zone: str, *, holds: bool) -> None:
    """Days, dates, hours past midnight, zones, and both changes of daylight saving time."""
    assert schedule(text).holds(at(moment, zone)) is holds


def test_durations() -> None:
    """Durations from a millisecond to a year are accepted."""
    for text, nanoseconds in (
        ("500ms", 5e8),
        ("90m", 5.4e12),
        ("1h30m", 5.4e12),
        ("2w", 14 * 86400e9),
        ("366d", 366 * 86400e9),
    ):
        assert parse_duration(text) == nanoseconds
    assert parse_duration("0s") is None
    assert parse_duration("367d") is None
    assert parse_duration("9" * 50 + "d") is None


def test_days_in_odd_places_are_errors_like_any_other() -> None:
    """Days that are right, before and behind what is wrong."""
    for moment in ("fri..2026", "mon-", "-mon", "mon-fri-sat", "mon tue-", "09:00-18:00 mon-", "mon-,"):
        parsed = parse(SourceText("t", f"schedule s = {moment}\n"))
        assert parsed.diagnostics, moment
