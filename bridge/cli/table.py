"""How verbs lay out what they list: columns, and moments as people tell them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bridge.common.durations import duration_text

_SECOND = 1_000_000_000


def as_table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Rows of as many values each, their columns aligned; the first is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        indent + "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def ago(at_ns: int | None) -> str:
    """How long ago that moment was, in nanoseconds since the epoch; 0 and None are never."""
    return f"{lasting(at_ns)} ago" if at_ns else "never"


def lasting(since_ns: int) -> str:
    """How long it has been since then."""
    return duration_text(max((time.time_ns() - since_ns) / _SECOND, 0.0))


def moment(at_ns: int) -> str:
    """A moment to the second, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ns // _SECOND))


def many(count: int, noun: str) -> str:
    """``1 alert``, ``2 alerts``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Bytes, as people tell them."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
