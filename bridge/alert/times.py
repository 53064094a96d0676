"""Falco's times, as nanoseconds since the epoch, within what a journal can hold and a calendar can print."""

from __future__ import annotations

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000
_LIMIT = 2**63
"""A 64-bit integer of nanoseconds: the years 1677 to 2262."""


def nanoseconds(seconds: int, fraction: int) -> int | None:
    """Both parts as one number, or None where they make no time that can be kept."""
    total = seconds * _SECOND + fraction
    return total if 0 <= fraction < _SECOND and -_LIMIT <= total < _LIMIT else None


def parse_time(text: str) -> int | None:
    """``2016-08-04T16:17:57.882054739Z`` in nanoseconds since the epoch, or None where it is no such time.

    The fraction may have any number of digits (nine are kept) or be absent; the zone is ``Z``, ``+09:00``,
    ``+0900`` or absent, which is UTC. A leap second is the first instant of the next minute.
    """
    if not text.isascii() or len(text) > _LONGEST:
        return None
    seconds = _whole_seconds(text[:19])
    fraction, zone = _split_fraction(text[19:])
    offset = _zone_seconds(zone)
    if seconds is None or fraction is None or offset is None:
        return None
    return nanoseconds(seconds - offset, fraction)


_LONGEST = 64


def _whole_seconds(text: str) -> int | None:
    if len(text) != 19 or text[4] + text[7] + text[13] + text[16] != "--::" or text[10] not in "Tt ":
        return None
    parts = (text[:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:])
    if not all(part.isdigit() for part in parts):
        return None
    year, month, day, hour, minute, second = map(int, parts)
    leap = second == 60
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    except ValueError:
        return None
    since = moment - _EPOCH
    return since.days * 86_400 + since.seconds + leap


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
