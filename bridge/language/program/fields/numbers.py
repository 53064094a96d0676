"""The numbers that conditions contain: how each kind reads them, and the values that fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.language.program.condition import Kind
from bridge.language.program.fields.values import (
    parse_double,
    parse_int16,
    parse_int32,
    parse_integer,
    parse_port,
    parse_signed,
    parse_uint32,
    parse_unsigned,
)

LITERALS: Mapping[Kind, Callable[[str], int | float | None]] = {
    Kind.UNSIGNED: parse_unsigned,
    Kind.UINT32: parse_uint32,
    Kind.INTEGER: parse_signed,
    Kind.INT32: parse_int32,
    Kind.INT16: parse_int16,
    Kind.PORT: parse_port,
    Kind.DEVICE: parse_int32,
    Kind.DOUBLE: parse_double,
}
"""The value of a number in a condition; None if Falco rejects it."""

_RANGES: Mapping[Kind, tuple[int, int]] = {
    Kind.UNSIGNED: (-1, 2**64 - 1),
    Kind.UINT32: (-1, 2**32 - 1),
    Kind.INTEGER: (-(2**63), 2**63 - 1),
    Kind.INT32: (-(2**31), 2**31 - 1),
    Kind.INT16: (-(2**15), 2**15 - 1),
    Kind.PORT: (0, 2**16 - 1),
    Kind.DEVICE: (-(2**31), 2**31 - 1),
}
"""The smallest and the largest number. An unsigned -1 is in use for "the largest": ``user.uid = -1``."""


def changed_value(kind: Kind, text: str) -> int | float | None:
    """The number that Falco compares with, if the written one does not fit the field; otherwise None."""
    limits, number = _RANGES.get(kind), parse_integer(text)
    if limits is None or number is None or limits[0] <= number <= limits[1]:
        return None
    return LITERALS[kind](text)
