"""A JSON value as the text that Falco's gRPC output writes for it, so that an alert is the same by either road."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

from bridge.alert.alert import MISSING


def value_text(value: object) -> str | None:
    """The text of a decoded value; None where it is missing (``null``, or the text ``<NA>``).

    ``false``, ``20072`` and ``705.9`` are as JSON wrote them, ``["a","b c"]`` is ``(a,b c)``. Falco nests nothing
    else; an object from some other sender is kept as compact JSON.
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
    """A list's items as text; a missing one keeps its place as ``<NA>``."""
    texts = (value_text(value) for value in values)
    return tuple([MISSING if text is None else text for text in texts])


def list_text(items: Sequence[str]) -> str:
    """A list as gRPC prints it: ``(a,b c,d)``."""
    return f"({','.join(items)})"


def _compact(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except OverflowError:  # an integer of more than 64 bits, which only the standard library writes
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_verbatim)


def _verbatim(value: object) -> str:
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else str(value)


def split_values(values: Mapping[str, object]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The fields that have a value, as text, and the exact items of those that are lists."""
    fields: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for name, value in values.items():
        if isinstance(value, str):
            text: str | None = value
        elif isinstance(value, list):
            lists[name] = list_items(value)
            text = list_text(lists[name])
        else:
            text = value_text(value)
        if text is not None and text != MISSING:
            fields[name] = text
    return fields, lists
