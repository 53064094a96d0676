"""Times as people write them mean the moment that the writer had in mind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.common.clocks.human_times import parse_human_time
from bridge.common.clocks.times import SECOND_NS, iso_text, parse_time

BERLIN = ZoneInfo("Europe/Berlin")


def ns(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * SECOND_NS


NOW = ns("2026-11-27 20:25:00")  # a Friday


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-11-27 20:25:00"),
        ("2h", "2026-11-27 18:25:00"),
        ("2h ago", "2026-11-27 18:25:00"),
        ("1h30m", "2026-11-27 18:55:00"),
        ("90 minutes ago", "2026-11-27 18:55:00"),
        ("1 hour and 30 minutes", "2026-11-27 18:55:00"),
        ("7d", "2026-11-20 20:25:00"),
        ("2 weeks", "2026-11-13 20:25:00"),
        ("today", "2026-11-27 00:00:00"),
        ("yesterday", "2026-11-26 00:00:00"),
        ("yesterday 22:00", "2026-11-26 22:00:00"),
        ("Yesterday at 10pm", "2026-11-26 22:00:00"),
        ("  yesterday   12:30 am ", "2026-11-26 00:30:00"),
        ("yesterday 22", "2026-11-26 22:00:00"),
        ("20:25", "2026-11-27 20:25:00"),
        ("20:26", "2026-11-26 20:26:00"),
        ("9:05:07", "2026-11-27 09:05:07"),
        ("12pm", "2026-11-27 12:00:00"),
        ("friday", "2026-11-27 00:00:00"),
        ("last friday", "2026-11-20 00:00:00"),
        ("mon 9:30", "2026-11-23 09:30:00"),
        ("Saturday", "2026-11-21 00:00:00"),
        ("2026-11-01", "2026-11-01 00:00:00"),
        ("2026-11-01 22:00", "2026-11-01 22:00:00"),
        ("2026-11-01T22:00:09", "2026-11-01 22:00:09"),
        ("2026-07-01 22:00", "2026-07-01 22:00:00"),
        ("2026-12-24 18:00", "2026-12-24 18:00:00"),
    ],
)
def test_a_time_is_read_by_the_clock_of_the_zone(text: str, meant: str) -> None:
    """Durations count back, days and clock times are those of the zone, also in summer time."""
    assert parse_human_time(text, NOW, BERLIN) == ns(meant)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-26T22:00:00Z", "2026-11-26T22:00:00Z"),
        ("2026-11-26T22:00:00.25+01:00", "2026-11-26T21:00:00.25Z"),
        ("2026-11-26t22:00z", "2026-11-26T22:00:00Z"),
        ("2026-11-26 22:00 Europe/Berlin", "2026-11-26T21:00:00Z"),
        ("2026-11-26 22:00 Asia/Kolkata", "2026-11-26T16:30:00Z"),
        ("2026-11-26 22:00 +0530", "2026-11-26T16:30:00Z"),
        ("yesterday 22:00 UTC", "2026-11-26T22:00:00Z"),
        ("22:00 utc", "2026-11-26T22:00:00Z"),
        ("yesterday 10 pm America/New_York", "2026-11-27T03:00:00Z"),
        ("@1764194400", "2025-11-26T22:00:00Z"),
    ],
)
def test_a_zone_that_is_written_wins(text: str, meant: str) -> None:
    """An offset, Z or an IANA name after a clock time."""
    assert parse_human_time(text, NOW, BERLIN) == parse_time(meant)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "22", "yesterdy", "25:00", "12:60", "13pm", "0am", "2 parsecs", "2026-02-30", "2026-13-01", "-2h", "h",
        "yesterday 22:00 Europe/Nowhere", "yesterday 22:00 23:00", "last", "last 22:00", "1e9", "2026-11-26 22:00 +9900",
        "@", "@1e5", "\u0662h", "9" * 81, "400d", "../../etc/passwd", "yesterday 22:00 ../../etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(text: str) -> None:
    """A guess would read the wrong span."""
    assert parse_human_time(text, NOW, BERLIN) is None


@given(st.integers(0, 2**62))
def test_falcos_own_form_is_read_back(time_ns: int) -> None:
    """A time that is copied from an alert names that alert's moment, to the nanosecond."""
    assert parse_human_time(iso_text(time_ns), NOW, BERLIN) == time_ns


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    """No text raises."""
    assert isinstance(parse_human_time(text, NOW, BERLIN), int | None)


@pytest.fixture
def berlin_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin_machine")
def test_without_a_zone_the_machines_holds() -> None:
    """In winter and in summer."""
    assert parse_human_time("yesterday 22:00", NOW) == ns("2026-11-26 22:00:00")
    assert parse_human_time("2026-07-01 22:00", NOW) == ns("2026-07-01 22:00:00")
