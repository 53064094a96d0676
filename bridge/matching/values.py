"""Reads an operand of a condition from an alert: a value of its kind, or None if it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.alert import Alert
from bridge.language.program.condition import Call, Field, Items, Kind, Literal, Operand, Pack
from bridge.language.program.fields.carriers import Carriers
from bridge.language.program.fields.kinds import ATTRIBUTES, LABEL
from bridge.language.program.fields.numbers import LITERALS
from bridge.language.program.fields.transformers import ELEMENTWISE, VAL
from bridge.language.program.fields.values import (
    parse_any_address,
    parse_bool,
    parse_device,
    parse_double,
    parse_int16,
    parse_int32,
    parse_network,
    parse_port,
    parse_signed,
    parse_uint32,
    parse_unsigned,
)
from bridge.matching.text import as_bytes, basename, decode_base64, get_option, get_options, lower, upper

Read = Callable[[Alert], Any]
"""Returns the value, or None if it is missing."""

PARSERS: Mapping[Kind, Callable[[str], Any]] = {
    Kind.UNSIGNED: parse_unsigned,
    Kind.UINT32: parse_uint32,
    Kind.INTEGER: parse_signed,
    Kind.INT32: parse_int32,
    Kind.INT16: parse_int16,
    Kind.PORT: parse_port,
    Kind.DEVICE: parse_device,
    Kind.DOUBLE: parse_double,
    Kind.BOOL: parse_bool,
    Kind.IP: parse_any_address,
    Kind.NET: lambda text: parse_network(text) or parse_any_address(text),
}
"""Kinds that are not compared as text. A value that does not parse is treated as missing."""
LITERAL_PARSERS: Mapping[Kind, Callable[[str], Any]] = {**PARSERS, **LITERALS}
"""The same for values in conditions."""

_TEXT_FUNCTIONS: Mapping[str, Callable[[str], str | None]] = {
    "tolower": lower,
    "toupper": upper,
    "basename": basename,
    "b64": decode_base64,
}


def read_operand(operand: Operand, labels: Mapping[str, str]) -> Read:
    """A function from an alert to the value of the operand."""
    match operand:
        case Field():
            return _typed(operand.kind, read_text(operand, labels))
        case Literal():
            text = operand.text
            return lambda _alert: text
        case Items():
            return _pack([read_operand(each, labels) for each in operand.values])
        case Pack():
            return _flat([_read_item(each, labels) for each in operand.values])
        case Call():
            return _call(operand, [read_operand(each, labels) for each in operand.arguments])


def read_text(field: Field, labels: Mapping[str, str]) -> Read:
    """A function from an alert to the field as Falco printed it: text, or a tuple of texts for a list."""
    name = field.name
    if name.startswith(LABEL):
        value = labels.get(name.removeprefix(LABEL))
        return lambda _alert: value
    if name in ATTRIBUTES:
        return _attribute(name)
    if field.kind is Kind.LIST:
        return lambda alert: alert.items(name)
    return lambda alert: alert.get(name)


def read_carried(name: str, carriers: Carriers) -> Read:
    """A function from an alert to the texts of the fields that carry a field's values, as a tuple."""
    names = carriers.names | {name} if carriers.own else carriers.names

    def texts(alert: Alert) -> tuple[str, ...] | None:
        return tuple([text for each, text in alert.fields.items() if each in names]) or None

    return texts


def typed_texts(kind: Kind, read: Read) -> Read:
    """The same, parsed as the field's kind."""
    parse = PARSERS.get(kind)
    if parse is None:
        return read

    def values(alert: Alert) -> tuple[Any, ...] | None:
        texts = read(alert)
        if texts is None:
            return None
        return tuple([value for text in texts if (value := parse(text)) is not None]) or None

    return values


def _attribute(name: str) -> Read:
    match name:
        case "priority":
            return lambda alert: alert.priority
        case "time":
            return lambda alert: str(alert.time_ns)
        case _:
            return lambda alert: getattr(alert, name) or None


def _typed(kind: Kind, read: Read) -> Read:
    parse = PARSERS.get(kind)
    if parse is None:
        return read

    def parsed(alert: Alert) -> Any:
        text = read(alert)
        return None if text is None else parse(text)

    return parsed


def _pack(reads: list[Read]) -> Read:
    def values(alert: Alert) -> tuple[Any, ...] | None:
        found = tuple(read(alert) for read in reads)
        return None if None in found else found

    return values


def _read_item(operand: Operand, labels: Mapping[str, str]) -> Read:
    """An item of a list inside a transformer. Numbers are used as printed."""
    return read_text(operand, labels) if isinstance(operand, Field) else read_operand(operand, labels)


def _flat(reads: list[Read]) -> Read:
    """The items, with nested lists flattened."""
    every = _pack(reads)

    def flattened(alert: Alert) -> tuple[str, ...] | None:
        values = every(alert)
        if values is None:
            return None
        return tuple(item for value in values for item in (value if isinstance(value, tuple) else (value,)))

    return flattened


def _call(call: Call, reads: list[Read]) -> Read:
    if call.name == VAL:
        return reads[0]
    if call.name in ELEMENTWISE:
        return _elementwise(_TEXT_FUNCTIONS[call.name], reads[0])
    combine = _COMBINATIONS[call.name] if call.selector is None else _selected(call.selector)
    every = _pack(reads)

    def combined(alert: Alert) -> Any:
        values = every(alert)
        return None if values is None else combine(values)

    return combined


def _elementwise(function: Callable[[str], str | None], read: Read) -> Read:
    def applied(alert: Alert) -> Any:
        value = read(alert)
        if isinstance(value, tuple):
            items = tuple(function(item) for item in value)
            return None if None in items else items
        return None if value is None else function(value)

    return applied


def _selected(option: str) -> Callable[[tuple[Any, ...]], str | None]:
    return lambda values: get_option(values[0], values[1], option)


def _length(values: tuple[Any, ...]) -> int:
    (value,) = values
    return len(value) if isinstance(value, tuple) else len(as_bytes(value))


_COMBINATIONS: Mapping[str, Callable[[tuple[Any, ...]], Any]] = {
    "len": _length,
    "concat": "".join,
    "join": lambda values: values[0].join(values[1]),
    "getopt": lambda values: get_options(values[0], values[1]),
}
