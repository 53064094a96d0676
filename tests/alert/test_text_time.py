"""The time of text alerts: the time of day from the line, the date from zone and time of receipt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Alert
from bridge.alert.forms.text_form import decode_text

SECOND = 1_000_000_000
ZONES = ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Niue", "UTC")


def at(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * SECOND


def decoded_time(clock: str, received: str, zone: str) -> str:
    found = decode_text(f"{clock}.000000007: Warning x".encode(), at(received), ZoneInfo(zone))
    assert isinstance(found, Alert)
    assert found.time_ns % SECOND == 7
    return datetime.fromtimestamp(found.time_ns // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")


WRITTEN = [
    ("18:00:00", "2026-01-05T09:00:30", "Asia/Seoul", "2026-01-05T09:00:00"),
    ("08:59:00", "2026-01-05T00:00:30", "Asia/Seoul", "2026-01-04T23:59:00"),
    ("00:00:10", "2026-01-05T15:00:30", "Asia/Seoul", "2026-01-05T15:00:10"),
    ("23:59:50", "2026-01-05T15:00:30", "Asia/Seoul", "2026-01-05T14:59:50"),
    ("00:00:20", "2026-01-05T14:59:50", "Asia/Seoul", "2026-01-05T15:00:20"),  # the clock is slightly ahead
    ("18:02:00", "2026-01-05T09:00:30", "Asia/Seoul", "2026-01-04T09:02:00"),  # too far ahead: yesterday
    ("02:30:00", "2026-10-25T00:31:00", "Europe/Berlin", "2026-10-25T00:30:00"),  # the first occurrence
    ("02:30:00", "2026-10-25T01:31:00", "Europe/Berlin", "2026-10-25T01:30:00"),  # the second occurrence
    ("12:00:00", "2026-10-25T11:00:30", "Europe/Berlin", "2026-10-25T11:00:00"),
    ("12:00:00", "2026-03-29T10:00:30", "Europe/Berlin", "2026-03-29T10:00:00"),
]


@pytest.mark.parametrize(("clock", "received", "zone", "expected"), WRITTEN)
def test_the_last_moment_at_which_it_was_that_time_there(clock: str, received: str, zone: str, expected: str) -> None:
    """Midnight and both changes of daylight saving time."""
    assert decoded_time(clock, received, zone) == expected


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  # the zone is another strategy's
    st.sampled_from(ZONES),
    st.integers(-59, 20 * 3600),
)
def test_times_are_recovered(moment: datetime, zone: str, later: int) -> None:
    """The time is recovered in any zone, up to twenty hours late or a minute early."""
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    received = moment + timedelta(seconds=later)
    found = decoded_time(f"{moment.astimezone(ZoneInfo(zone)):%H:%M:%S}", f"{received:%Y-%m-%dT%H:%M:%S}", zone)
    off = datetime.fromisoformat(found).replace(tzinfo=UTC) - moment
    assert off in {timedelta(0), timedelta(hours=1)}
    if off:
        assert (moment + off).astimezone(ZoneInfo(zone)).fold == 1


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(ZONES), st.integers(0, 86_399))
def test_any_time_of_receipt_is_accepted(received_ns: int, zone: str, second: int) -> None:
    """Any time of receipt is accepted."""
    line = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000000000: Notice x".encode()
    assert isinstance(decode_text(line, received_ns, ZoneInfo(zone)), Alert)


def test_iso_8601_has_its_own_zone() -> None:
    """ISO 8601 times ignore the zone of the source."""
    found = decode_text(b"2026-01-05T12:00:00.000000005+0000: Error x", 0, ZoneInfo("Asia/Seoul"))
    assert isinstance(found, Alert)
    assert found.time_ns == at("2026-01-05T12:00:00") + 5
