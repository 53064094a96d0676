"""Falco's ways of writing one moment: nine digits of nanoseconds, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from bridge.common.times import iso_text
from bridge.simulate.errors import SimulationError

_BILLION = 1_000_000_000


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of ``2016-08-04T16:17:57.882054739Z``. Raises SimulationError for anything else."""
    whole, _, rest = text.partition(".")
    digits = rest.rstrip("Z")
    if rest:
        whole += "Z" if rest.endswith("Z") else ""
    try:
        moment = datetime.fromisoformat(whole)
        fraction = int(digits.ljust(9, "0")) if digits else 0
    except ValueError:
        moment, fraction = None, 0
    if moment is None or moment.utcoffset() is None or len(digits) > 9 or fraction < 0:
        raise SimulationError(f'time is "{text[:60]}", not like "2016-08-04T16:17:57.882054739Z"')
    return int(moment.timestamp()) * _BILLION + fraction


def day_text(time_ns: int) -> str:
    """``16:17:57.882054739``: the prefix of a text line."""
    return f"{_date_and_seconds(time_ns, ' ')[11:]}.{time_ns % _BILLION:09d}"


def moved(text: bytes, old_ns: int, new_ns: int) -> bytes:
    """The text with every full writing of the old moment replaced by the new one's, in all of Falco's forms."""
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
