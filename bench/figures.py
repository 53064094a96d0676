"""A measured figure, and its output as a table or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. ``ratio`` is its value divided by that of ``against``, measured in the same run."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""


def as_table(figures: Iterable[Figure]) -> str:
    """One line per figure, in aligned columns."""
    rows = [(each.name, f"{each.value:,.2f} {each.unit}", _compared(each)) for each in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {compared}".rstrip() for name, value, compared in rows
    )


def as_json(figures: Iterable[Figure]) -> str:
    """The figures as a JSON array."""
    return json.dumps([asdict(each) for each in figures], indent=1)


def _compared(figure: Figure) -> str:
    return "" if figure.ratio is None else f"{figure.ratio:.2f} x {figure.against}"
