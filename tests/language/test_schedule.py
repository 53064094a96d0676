"""Schedules hold when the clock on the wall of their place says so, summer and winter."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bridge.language import Known, Source, check
from bridge.language.durations import parse_duration
from bridge.language.schedule import Schedule


def schedule(text: str) -> Schedule:
    program = check([Source("t", f'schedule s = {text}\nroute "r" {{ during s drop }}')], Known(None, None)).program
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
    ('02:00-03:00 in "Europe/Berlin"', "2026-10-25T00:30:00", "UTC", True),  # the hour that comes twice
    ('02:00-03:00 in "Europe/Berlin"', "2026-10-25T01:30:00", "UTC", True),
    ('02:00-03:00 in "Europe/Berlin"', "2026-03-29T01:30:00", "UTC", False),  # the hour that never comes
]


@pytest.mark.parametrize(("text", "moment", "zone", "holds"), CASES)
def test_a_schedule_holds(text: str, moment: str, zone: str, *, holds: bool) -> None:
    """Days, dates, hours, midnight, zones, both changes of the clock."""
    assert schedule(text).holds(at(moment, zone)) is holds


def test_durations() -> None:
    """From a millisecond to a year."""
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
