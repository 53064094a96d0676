"""Times as people write them: ``2h``, ``yesterday 22:00``, ``monday 9am``, ``2026-11-26 22:00 UTC``, RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from time import localtime

from bridge.common.clocks.durations import parse_duration
from bridge.common.clocks.times import SECOND_NS, epoch_ns, parse_time
from bridge.common.clocks.timezone import find_zone

HUMAN_TIME_FORMS = (
    "write 2h, 'yesterday 22:00', 'monday 9:30', 2026-11-26, '2026-11-26 22:00 Europe/Berlin' or 2026-11-26T22:00:00Z"
)
"""The remedy for a text that is no time."""
_MAX_LENGTH = 80
_UNITS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d",
    "w": "w", "week": "w", "weeks": "w",
}  # fmt: skip
_AMOUNT = re.compile(r"([0-9]{1,9})\s*([a-z]+)")
_AMOUNTS = re.compile(rf"{_AMOUNT.pattern}(?:\s*(?:and\s+)?{_AMOUNT.pattern})*")
_CLOCK = re.compile(r"([0-9]{1,2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)?\s*(am|pm)?")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_human_time(text: str, now_ns: int, zone: tzinfo | None = None) -> int | None:
    """Nanoseconds since the epoch of a time that is not in the future where it could be either; None for other texts.

    A duration (``2h``, ``90 minutes ago``) is that long before ``now_ns``. A day is ``today``, ``yesterday``, the name
    of a weekday (the last one, today included) or a date; without a clock time it means the start of the day. A clock
    time alone is the last time that the clock showed it. A zone may follow: ``Z``, ``+01:00`` or an IANA name. Without
    one, ``zone`` holds; None is the zone of this machine. ``@1764194400`` is a number of seconds since the epoch.
    """
    text = " ".join(text.split())
    if not text or not text.isascii() or len(text) > _MAX_LENGTH:
        return None
    if len(text) > 19 and (exact := parse_time(text)) is not None and not text[-1].isdigit():
        return exact
    lower = text.lower()
    if lower == "now":
        return now_ns
    if lower[0] == "@" and lower[1:].isdigit():
        return epoch_ns(int(lower[1:]), 0)
    past_ns = _duration_ns(lower.removesuffix(" ago"))
    if past_ns is not None:
        return now_ns - past_ns
    text, named = _split_zone(text)
    return _calendar_ns(text.lower(), now_ns, zone if named is None else named)


def _duration_ns(text: str) -> int | None:
    """``1h30m``, ``2 hours``, ``1 hour and 30 minutes``."""
    exact = parse_duration(text)
    if exact is not None or _AMOUNTS.fullmatch(text) is None:
        return exact
    parts = [(number, _UNITS.get(unit)) for number, unit in _AMOUNT.findall(text)]
    if any(unit is None for _, unit in parts):
        return None
    return parse_duration("".join(f"{number}{unit}" for number, unit in parts))


def _split_zone(text: str) -> tuple[str, tzinfo | None]:
    """The text before a zone, and the zone; None without one."""
    offset = _OFFSET.search(text, max(len(text) - 6, 0))
    if offset is not None and offset.end() == len(text) and ":" in text[: offset.start()]:
        sign, hours, minutes = offset.groups()
        length = timedelta(hours=int(hours), minutes=int(minutes))
        if length < timedelta(hours=24) and int(minutes) < 60:
            return text[: offset.start()].strip(), timezone(-length if sign == "-" else length)
    if text[-1] in "zZ" and text[-2:-1].isdigit():
        return text[:-1], UTC
    before, _, last = text.rpartition(" ")
    if before and last.lower() not in {"am", "pm", "ago", *_WEEKDAYS}:
        named = UTC if last.upper() in {"UTC", "Z", "GMT"} else find_zone(last)
        if named is not None:
            return before, named
    return text, None


def _calendar_ns(text: str, now_ns: int, zone: tzinfo | None) -> int | None:
    """A day with or without a clock time, or a clock time."""
    today = _local_day(now_ns, zone)
    written = text[:10] + text[10:].replace("t", " ", 1) if _DAY.match(text) else text
    latest = today - timedelta(days=1) if written.startswith("last ") else today
    word, _, rest = written.removeprefix("last ").partition(" ")
    day = _day(word, latest)
    if day is not None:
        clock = _clock(rest.removeprefix("at ")) if rest else (0, 0)
        return None if clock is None else _ns(day, clock, zone)
    clock = None if text.isdigit() else _clock(text.removeprefix("at "))
    if clock is None:
        return None
    found = _ns(today, clock, zone)
    return found if found is None or found <= now_ns else _ns(today - timedelta(days=1), clock, zone)


def _day(word: str, latest: date) -> date | None:
    if word in {"today", "yesterday"}:
        return latest - timedelta(days=int(word == "yesterday"))
    match = _DAY.fullmatch(word)
    if match is None:
        return _weekday(word, latest)
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


def _weekday(word: str, latest: date) -> date | None:
    """The last day with this name, up to ``latest``. Three letters are enough."""
    number = next((at for at, name in enumerate(_WEEKDAYS) if word in {name, name[:3]}), None)
    return None if number is None else latest - timedelta(days=(latest.weekday() - number) % 7)


def _clock(text: str) -> tuple[int, int] | None:
    """Seconds of the day and nanoseconds of ``22:00``, ``22:00:05.5``, ``22`` or ``10pm``."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[5] is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match[5] == "pm")
    if hour > 23 or minute > 59 or second > 59:
        return None
    return hour * 3600 + minute * 60 + second, int((match[4] or "0").ljust(9, "0"))


def _local_day(now_ns: int, zone: tzinfo | None) -> date:
    if zone is None:
        return date(*localtime(now_ns // SECOND_NS)[:3])
    return (_EPOCH + timedelta(seconds=now_ns // SECOND_NS)).astimezone(zone).date()


def _ns(day: date, clock: tuple[int, int], zone: tzinfo | None) -> int | None:
    """By the clock on the wall of that zone; None is the zone of this machine."""
    seconds, nanos = clock
    try:
        local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(seconds=seconds)
        return epoch_ns(int(local.timestamp()), nanos)
    except (ValueError, OverflowError):
        return None
