"""Durations: parsed from ``500ms``, ``15m``, ``1h30m`` or ``30d``, and printed for people."""

from __future__ import annotations

import re

_PART = re.compile(r"([0-9]{1,12})(ms|s|m|h|d|w)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_MILLISECOND = 1_000_000
_UNITS = {
    "ms": _MILLISECOND,
    "s": 1000 * _MILLISECOND,
    "m": 60_000 * _MILLISECOND,
    "h": 3_600_000 * _MILLISECOND,
    "d": 86_400_000 * _MILLISECOND,
    "w": 7 * 86_400_000 * _MILLISECOND,
}
MAX_DURATION_NS = 366 * _UNITS["d"]
_SHOWN = ((86_400, "d"), (3600, "h"), (60, "min"))


def parse_duration(text: str) -> int | None:
    """Nanoseconds. None for anything but a duration from 1 ms to MAX_DURATION_NS."""
    if _DURATION.fullmatch(text) is None:
        return None
    total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return total if 0 < total <= MAX_DURATION_NS else None


def canonical_duration(text: str) -> str:
    """The same duration in its largest units, so that ``60m`` and ``1h`` are alike; other text as it is."""
    rest, found = parse_duration(text) or 0, ""
    for unit in ("d", "h", "m", "s", "ms"):
        number, rest = divmod(rest, _UNITS[unit])
        if number:
            found += f"{number}{unit}"
    return found or text


def duration_text(seconds: float) -> str:
    """A duration to about two digits: ``90 s``, ``12 min``, ``24 h``, ``3 d``."""
    for size, unit in _SHOWN:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
