"""The JSON of an alert as one line within a limit of bytes, for services that refuse or cut longer ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from bridge.common.text import shortened

_MIN_VALUE = 64
_NOT_PRINTABLE_ASCII = re.compile(r"[^ -~]")
_encode = msgspec.json.Encoder().encode


def json_line(body: Mapping[str, Any], limit: int, *, ascii_only: bool = False) -> bytes:
    """The JSON: in a longer one the longest values are cut, then fields are left out.

    ``ascii_only``: every other character is escaped.
    """
    encoded = _encoded(body, ascii_only=ascii_only)
    room = limit // 4
    while len(encoded) > limit and room:
        fields = list(body["output_fields"].items())
        kept = fields if room >= _MIN_VALUE else fields[: len(fields) // 2]
        body = _cut(body, room) | {"output_fields": {name: _cut(value, room) for name, value in kept}}
        encoded = _encoded(body, ascii_only=ascii_only)
        room = max(room // 2, _MIN_VALUE // 2) if kept else room // 2
    return encoded


def _encoded(body: Mapping[str, Any], *, ascii_only: bool) -> bytes:
    encoded = _encode(body)
    return _NOT_PRINTABLE_ASCII.sub(_escaped, encoded.decode()).encode() if ascii_only else encoded


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _cut(value: Any, room: int) -> Any:
    """Texts in it in at most ``room`` characters; a list as text."""
    match value:
        case str():
            return shortened(value, room)
        case dict():
            return {name: _cut(inner, room) for name, inner in value.items()}
        case list() | tuple():
            return shortened(_encode(value).decode(), room)
    return value
