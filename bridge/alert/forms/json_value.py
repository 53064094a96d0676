"""Converts JSON values to the text of Falco's gRPC output, so that alerts are equal by gRPC and by JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

from bridge.alert.alert import CLOCK_FIELDS, MISSING


def value_text(value: object) -> str | None:
    """The text of a decoded value. None if it is missing (``null`` or the text ``<NA>``).

    ``false``, ``20072`` and ``705.9`` are unchanged, ``["a","b c"]`` becomes ``(a,b c)``. Falco does not nest other
    values; objects from other senders become compact JSON.
    """
    if isinstance(value, str):
        return None if value == MISSING else value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if isinstance(value, list):
        return list_text(list_items(value))
    return _compact(value)


def list_items(values: Sequence[object]) -> tuple[str, ...]:
    """The items of a list as text. A missing item becomes ``<NA>``."""
    if {*map(type, values)} == {str}:
        return tuple(values)  # type: ignore[arg-type]
    texts = (value_text(value) for value in values)
    return tuple([MISSING if text is None else text for text in texts])


def list_text(items: Sequence[str]) -> str:
    """A list as gRPC prints it: ``(a,b c,d)``."""
    return f"({','.join(items)})"


def _compact(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except OverflowError:  # an integer of more than 64 bits, which msgspec cannot encode
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_verbatim)


def _verbatim(value: object) -> str:
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else str(value)


def is_missing(name: str, text: str) -> bool:
    """Whether a text is a missing value. A process can have the name ``<NA>``."""
    return text == MISSING and not name.startswith("proc.")


def split_values(values: Mapping[str, object]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The fields with a value as text, without clock fields, and the exact items of list fields.

    The text ``<NA>`` is a missing value, for example of ``user.name``, except in the fields of processes: a process can
    have that name, and Falco writes null if it knows none.
    """
    fields: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for name, value in values.items():
        if type(value) is str:  # most of them
            if value != MISSING or name.startswith("proc."):
                fields[name] = value
        elif isinstance(value, list):
            if value or name != "fd.types":
                lists[name] = list_items(value)
                fields[name] = list_text(lists[name])
        elif type(value) is int:
            fields[name] = str(value)
        elif value is not None:
            text = value_text(value)
            if text is not None and text != MISSING:
                fields[name] = text
    for name in CLOCK_FIELDS:
        fields.pop(name, None)
        lists.pop(name, None)
    return fields, lists
