"""Times of day in the numbers behind a reason: ``12:04``, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_SECOND_NS = 1_000_000_000
_DAY_SECONDS = 86_400
_DAY_NS = _DAY_SECONDS * _SECOND_NS


def moment(at_ns: int, now_ns: int) -> str:
    """A time as people read it at ``now_ns``: with seconds only if there are any, with the date on another day."""
    return _moment(at_ns // _SECOND_NS, now_ns // _DAY_NS)


@lru_cache(4096)
def _moment(seconds: int, today: int) -> str:
    """``today`` is the number of the day."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError):
        return "an unknown time"
    clock = "%H:%M:%S" if at.second else "%H:%M"
    return at.strftime(clock if seconds // _DAY_SECONDS == today else f"%Y-%m-%d {clock}")
