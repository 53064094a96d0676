"""Times as nanoseconds since the epoch: RFC 3339 text, units and the range that a journal can store."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
_EPOCH = date(1970, 1, 1).toordinal()
_LIMIT = 2**63
"""Times are stored as signed 64-bit integers of nanoseconds: the years 1677 to 2262."""
_MAX_LENGTH = 64
"""Characters of a time."""
_FALCO_LENGTH = 30
"""Characters of a time as Falco writes it, with nine digits and ``Z``."""
_MAX_SECONDS = 256
"""Texts whose second is cached."""
_MAX_DAYS = 64
"""Days whose first second is cached."""


def epoch_ns(seconds: int, nanos: int) -> int | None:
    """Seconds and nanoseconds as one number. None if ``nanos`` is not a fraction or the time is out of range."""
    total = seconds * SECOND_NS + nanos
    return total if 0 <= nanos < SECOND_NS and -_LIMIT <= total < _LIMIT else None


def parse_time(text: str) -> int | None:
    """``2016-08-04T16:17:57.882054739Z`` in nanoseconds since the epoch. None for anything else.

    The fraction is optional; digits after the ninth are ignored. The zone is ``Z``, ``+09:00`` or ``+0900``; without a
    zone the time is UTC. A leap second is the first instant of the next minute.
    """
    if not text.isascii() or len(text) > _MAX_LENGTH:
        return None
    if len(text) == _FALCO_LENGTH and text[19] == "." and text[29] == "Z" and text[20:29].isdigit():
        whole = _whole_seconds(text[:19])
        return None if whole is None else epoch_ns(whole, int(text[20:29]))
    seconds = _whole_seconds(text[:19])
    nanos, zone = _split_fraction(text[19:])
    offset = _zone_seconds(zone)
    if seconds is None or nanos is None or offset is None:
        return None
    return epoch_ns(seconds - offset, nanos)


def iso_text(time_ns: int) -> str:
    """``2016-08-04T16:17:57.882054739Z``: the format of an alert's ``time`` in Falco's JSON."""
    seconds, nanos = divmod(time_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


@lru_cache(_MAX_SECONDS)
def _whole_seconds(text: str) -> int | None:
    """The second of ``2016-08-04T16:17:57``. The alerts of a burst share it."""
    if len(text) != 19 or text[13] != ":" or text[16] != ":" or text[10] not in "Tt ":
        return None
    day, clock = _day_seconds(text[:10]), text[11:13] + text[14:16] + text[17:]
    if day is None or not clock.isdigit():
        return None
    hour, rest = divmod(int(clock), 10_000)
    minute, second = divmod(rest, 100)
    if hour > 23 or minute > 59 or second > 60:
        return None
    return day + hour * 3600 + minute * 60 + second


@lru_cache(_MAX_DAYS)
def _day_seconds(text: str) -> int | None:
    """The first second of ``2016-08-04``."""
    if text[4] != "-" or text[7] != "-" or not (text[:4] + text[5:7] + text[8:]).isdigit():
        return None
    try:
        return (date(int(text[:4]), int(text[5:7]), int(text[8:])).toordinal() - _EPOCH) * 86_400
    except ValueError:
        return None


def _split_fraction(text: str) -> tuple[int | None, str]:
    """The nanoseconds of ``.882054739Z``, and the zone after them."""
    if not text.startswith("."):
        return 0, text
    end = 1
    while end < len(text) and text[end].isdigit():
        end += 1
    digits = text[1:end]
    return (int(digits[:9].ljust(9, "0")) if digits else None), text[end:]


def _zone_seconds(text: str) -> int | None:
    """The offset of a zone from UTC."""
    if text in {"", "Z", "z"}:
        return 0
    digits = text[1:3] + text[4:] if text[3:4] == ":" else text[1:]
    if text[0] not in "+-" or len(digits) != 4 or not digits.isdigit():
        return None
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    seconds = hours * 3600 + minutes * 60
    return -seconds if text[0] == "-" else seconds
