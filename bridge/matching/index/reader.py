"""Generates the function that reads an alert's values and looks them up in all columns.

The generated source contains only numbered names and attributes of Alert; fields and columns are passed as values.
A loop would be a third slower (measured with 1,000 routes: 2.0 µs instead of 1.5 µs).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.language.program.fields.kinds import ATTRIBUTES
from bridge.matching.index.column import Column
from bridge.matching.index.column_group import ColumnGroup


class Bits(Protocol):
    """All alternatives; their number grows."""

    every: int
    internal: int


Alive = Callable[[Alert], int]
_STRIDE = 4
"""The number of trailing columns that are looked up between two checks for an early return."""


def make_reader(index: Bits, leading: Sequence[ColumnGroup | Column], trailing: Sequence[Column]) -> Alive:
    """A function from an alert to the alternatives that no column rules out, as bits.

    ``leading`` columns are looked up for every alert, ``trailing`` ones while any alternative is left.
    """
    values: dict[str, Any] = {"index": index, "SOURCE": INTERNAL_SOURCE}
    masks = " & ".join(_lookup(each, values) for each in leading) or "index.every"
    lines = [
        "get = alert.fields.get",
        f"alive = {masks}",
        "if alert.source == SOURCE:",
        "    alive &= index.internal",
    ]
    for start in range(0, len(trailing), _STRIDE):
        part = trailing[start : start + _STRIDE]
        masks = " & ".join(_lookup(column, values) for column in part)
        lines += ["if not alive:", "    return 0", f"alive &= {masks}"]
    return _compiled([*lines, "return alive"], values)


def _lookup(each: ColumnGroup | Column, values: dict[str, Any]) -> str:
    """The expression of a mask."""
    if isinstance(each, Column):
        return f"{_named('column', each, values)}[{_read(each, values)}]"
    keys = "".join(f"{_read(column, values)}, " for column in each.columns)
    return f"{_named('group', each, values)}[({keys})]"


def _read(column: Column, values: dict[str, Any]) -> str:
    """The expression of a column's value."""
    if not column.place:
        return f"{_named('read', column.read, values)}(alert)"
    if column.place == "priority":
        return "alert.priority._value_"  # the hash of an enum member is computed in Python
    if column.place in ATTRIBUTES:
        return f"alert.{column.place}"
    return f"get({_named('name', column.place, values)})"


def _named(kind: str, value: object, values: dict[str, Any]) -> str:
    name = f"{kind}{len(values)}"
    values[name] = value
    return name


def _compiled(lines: Sequence[str], values: dict[str, Any]) -> Alive:
    """The function with these lines. Its values are defaults of parameters, because local names are the fastest."""
    parameters = ", ".join(["alert", *(f"{name}={name}" for name in values)])
    text = f"def alive_of({parameters}):\n" + "".join(f"    {line}\n" for line in lines)
    namespace = dict(values)
    exec(text, namespace)  # noqa: S102  # contains only the numbered names above
    made: Alive = namespace["alive_of"]
    return made
