"""Times are read as RFC 3339 has them, and nothing else is a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.common.clocks.times import SECOND_NS, iso_text, parse_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IN_RANGE = st.integers(-(2**63), 2**63 - 1)
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(IN_RANGE)
def test_what_is_written_is_read_back(time_ns: int) -> None:
    """Every time that a journal can store, in Falco's own form."""
    assert parse_time(iso_text(time_ns)) == time_ns


@given(st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)), ZONES)  # noqa: DTZ001
def test_zones_and_fractions_are_read(moment: datetime, zone: timezone) -> None:
    """With an offset, and with six digits or none."""
    local = moment.replace(tzinfo=zone)
    elapsed = local - EPOCH
    expected = (elapsed.days * 86_400 + elapsed.seconds) * SECOND_NS + elapsed.microseconds * 1000
    assert parse_time(local.isoformat()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2016-02-30T16:17:57.882054739Z",
        "2016-13-04T16:17:57.882054739Z",
        "2016-08-04T24:17:57.882054739Z",
        "2016-08-04T16:60:57.882054739Z",
        "2016-08-04T16:17:61.882054739Z",
        "2016-08-04T16:17:57.88205473 Z",
        "2016-08-04T16:17:57.+82054739Z",
        "2016-08-04T-1:17:57.882054739Z",
        "2016-08- 4T16:17:57.882054739Z",
        "2016/08/04T16:17:57.882054739Z",
        "0000-08-04T16:17:57.882054739Z",
        "1600-08-04T16:17:57.882054739Z",
        "2300-08-04T16:17:57.882054739Z",
        "2016-08-04T16:17:57.88205473\u0663Z",
        "",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    """Parts out of range, signs and blanks instead of digits, years that cannot be stored."""
    assert parse_time(text) is None


def test_a_leap_second_is_the_next_minute() -> None:
    """Also at the end of a day."""
    assert parse_time("2016-12-31T23:59:60.000000001Z") == parse_time("2017-01-01T00:00:00.000000001Z")
