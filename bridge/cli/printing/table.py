"""Tables, times and amounts as verbs print them.

rich measures letters, so wide ones (日本) align, and styles text on a terminal. The padding is ours: rich's Table takes
3 s for the 10,000 rows that `match --fields` may print, against 0.05 s here. Text is never read as rich markup, and
characters that could move a terminal's cursor are written as escapes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from bridge.common.clocks.durations import duration_text
from bridge.common.text import visible

_SECOND = 1_000_000_000
_ISOLATES = "\u2068\u2069"
"""What `bridge.common.text.isolated` puts around text that runs from right to left."""


@dataclass(frozen=True, slots=True)
class Styled:
    """Text with a rich style, such as ``bold red``. Plain where standard output is not a terminal."""

    text: str
    style: str

    def __str__(self) -> str:
        return styled(self.text, self.style)


Cell = str | Styled


def as_table(rows: Sequence[Sequence[Cell]], indent: str = "") -> str:
    """Rows with equally many cells, in aligned columns. The first row is the header."""
    from rich.cells import cell_len

    shown = [[visible(_text(cell), keep=_ISOLATES) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    header = [Styled(_text(cell), "bold") for cell in rows[0]]
    lines = []
    for row, texts in zip(chain([header], rows[1:]), shown, strict=True):
        parts, pending = [], ""
        for cell, text, width in zip(row, texts, widths, strict=True):
            parts.append(pending * bool(text) + (styled(text, cell.style) if isinstance(cell, Styled) else text))
            pending = pending * (not text) + " " * (width - cell_len(text) + 2)
        lines.append(indent + "".join(parts))
    return "\n".join(lines)


def styled(text: str, style: str) -> str:
    """The text in that style on a terminal; plain elsewhere, and where NO_COLOR is set."""
    if not text or not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


def _text(cell: Cell) -> str:
    return cell.text if isinstance(cell, Styled) else cell


def ago(at_ns: int | None) -> str:
    """How long ago that was, in nanoseconds since 1970; 0 and None are ``never``."""
    return f"{lasting(at_ns)} ago" if at_ns else "never"


def lasting(since_ns: int) -> str:
    """The time since then."""
    return duration_text(max((time.time_ns() - since_ns) / _SECOND, 0.0))


def moment(at_ns: int) -> str:
    """A time to the second, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ns // _SECOND))


def many(count: int, noun: str) -> str:
    """``1 alert``, ``2 alerts``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """An amount of bytes: ``1.5 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
