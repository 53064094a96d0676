"""Writes times as Falco does: with nine digits of nanoseconds, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from bridge.common.clocks.times import iso_text

_BILLION = 1_000_000_000


def day_text(time_ns: int) -> str:
    """``16:17:57.882054739``, as in the prefix of a text line."""
    return f"{_date_and_seconds(time_ns, ' ')[11:]}.{time_ns % _BILLION:09d}"


def moved(text: bytes, old_ns: int, new_ns: int) -> bytes:
    """Replace every form of the old time in the text by the same form of the new time."""
    for write in (_iso_bytes, _datetime_bytes, _day_bytes, _digits_bytes):
        text = text.replace(write(old_ns), write(new_ns))
    return text


def _iso_bytes(time_ns: int) -> bytes:
    return iso_text(time_ns)[:-1].encode()


def _datetime_bytes(time_ns: int) -> bytes:
    return f"{_date_and_seconds(time_ns, ' ')}.{time_ns % _BILLION:09d}".encode()


def _day_bytes(time_ns: int) -> bytes:
    return day_text(time_ns).encode()


def _digits_bytes(time_ns: int) -> bytes:
    return str(time_ns).encode()


def _date_and_seconds(time_ns: int, separator: str) -> str:
    return datetime.fromtimestamp(time_ns // _BILLION, UTC).strftime(f"%Y-%m-%d{separator}%H:%M:%S")
