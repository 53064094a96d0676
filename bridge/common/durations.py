"""Durations as the language writes them: ``500ms``, ``15m``, ``1h30m``, ``30d``."""

from __future__ import annotations

import re

_PART = re.compile(r"([0-9]{1,12})(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_MILLISECOND = 1_000_000
_UNITS = {
    "ms": _MILLISECOND,
    "s": 1000 * _MILLISECOND,
    "m": 60_000 * _MILLISECOND,
    "h": 3_600_000 * _MILLISECOND,
    "d": 86_400_000 * _MILLISECOND,
    "w": 7 * 86_400_000 * _MILLISECOND,
}
LONGEST_NS = 366 * _UNITS["d"]
"""A year: what is remembered for longer is better asked of the history."""


def parse_duration(text: str) -> int | None:
    """Nanoseconds; None where it is no duration, nothing, or longer than a year."""
    if _WHOLE.fullmatch(text) is None:
        return None
    total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return total if 0 < total <= LONGEST_NS else None
