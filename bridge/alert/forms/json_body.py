"""Falco's JSON object as it was written, by http, file, program and stdout outputs or inside gRPC's ``output``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from bridge.alert.forms.json_value import value_text
from bridge.alert.malformed import Malformed


class Body(msgspec.Struct, frozen=True, gc=False):
    """The object's members. None is trusted to have the type that Falco gives it."""

    time: Any = None
    rule: Any = None
    priority: Any = None
    source: Any = None
    hostname: Any = None
    tags: Any = None
    output: Any = None
    message: Any = None
    output_fields: Any = None

    def text(self, name: str) -> str:
        """A member as text; empty where it is missing."""
        return value_text(getattr(self, name)) or ""

    def said(self) -> str:
        """The text line, or where Falco was told to leave that out, the line without its prefix."""
        return self.text("output") or self.text("message")

    def values(self) -> Mapping[str, object]:
        """``output_fields`` as decoded; empty where there are none."""
        return self.output_fields if isinstance(self.output_fields, dict) else {}


def _as_written(number: str) -> msgspec.Raw:
    return msgspec.Raw(number.encode())


_DECODER = msgspec.json.Decoder(Body, float_hook=_as_written)


def read_body(text: bytes) -> Body | Malformed:
    """The object in ``text``. Never raises.

    What strict JSON refuses and some sender writes all the same (raw bytes that are not UTF-8, half a surrogate
    pair, control characters) is repaired: U+FFFD stands where no character was.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        return _TOO_DEEP
    except msgspec.ValidationError:
        return Malformed("is not a JSON object")
    except ValueError:  # malformed, or not UTF-8
        return _read_repaired(text)


_TOO_DEEP = Malformed("nests its JSON too deeply")
_LONGEST_NUMBER = 4000
"""Digits. Past this the number is text: Python refuses to make an integer of it."""


def _read_repaired(text: bytes) -> Body | Malformed:
    try:
        loose = json.loads(
            text.decode("utf-8-sig", "replace"),
            strict=False,
            parse_int=_number,
            parse_float=_number,
            parse_constant=str,
        )
        return _DECODER.decode(msgspec.json.encode(_whole_characters(loose)))
    except RecursionError:
        return _TOO_DEEP
    except msgspec.ValidationError:
        return Malformed("is not a JSON object")
    except ValueError:
        return Malformed("is not JSON")


def _number(text: str) -> msgspec.Raw | str:
    return text if len(text) > _LONGEST_NUMBER else _as_written(text)


def _whole_characters(value: Any) -> Any:
    """The value with every half of a surrogate pair in its texts replaced."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(name): _whole_characters(item) for name, item in value.items()}
    return value
