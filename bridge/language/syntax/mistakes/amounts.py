"""Durations as people write them."""

from __future__ import annotations

import re

DURATION = r"(?:\d+(?:ms|s|m|h|d|w))+\b"
_VALID = re.compile(DURATION)
_AMOUNT = re.compile(
    r"(\d+)\s*(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)\b", re.IGNORECASE
)
_UNIT = re.compile(r"(seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|[smhdw])\b", re.IGNORECASE)


def find_amount(text: str, start: int) -> tuple[str, int] | None:
    """The duration at an offset in any spelling (``15m``, ``15 min``), as routes write it, and its end."""
    valid = _VALID.match(text, start)
    if valid is not None:
        return valid[0], valid.end()
    found = _AMOUNT.match(text, start)
    if found is None:
        return None
    unit = "ms" if found[2].lower() in {"ms", "millisecond", "milliseconds"} else found[2][0].lower()
    return f"{found[1]}{unit}", found.end()


def find_period(text: str, start: int) -> tuple[str, int] | None:
    """A duration, or a unit alone: ``min`` in ``5/min`` is ``1m``."""
    amount = find_amount(text, start)
    if amount is not None:
        return amount
    unit = _UNIT.match(text, start)
    return None if unit is None else (f"1{unit[1][0].lower()}", unit.end())
