"""Parses the JSON object of an alert, from the http, file, program and stdout outputs or inside gRPC's ``output``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from bridge.alert.alert import MISSING
from bridge.alert.forms.json_value import value_text
from bridge.alert.malformed import Malformed


class Body(msgspec.Struct, frozen=True, gc=False):
    """The members of the object. Their types are not checked."""

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
        """A member as text; empty if it is missing."""
        value = getattr(self, name)
        if type(value) is str:
            return "" if value == MISSING else value
        return value_text(value) or ""

    def output_text(self) -> str:
        """The text line; the message without prefix if Falco is configured to omit the line."""
        return self.text("output") or self.text("message")

    def values(self) -> Mapping[str, object]:
        """``output_fields`` as decoded; empty if there are none."""
        return self.output_fields if isinstance(self.output_fields, dict) else {}


class _FalcosMembers(msgspec.Struct, forbid_unknown_fields=True):
    """What Falco writes, and falcosidekick's ``uuid``."""

    time: msgspec.Raw = msgspec.Raw()
    rule: msgspec.Raw = msgspec.Raw()
    priority: msgspec.Raw = msgspec.Raw()
    source: msgspec.Raw = msgspec.Raw()
    hostname: msgspec.Raw = msgspec.Raw()
    tags: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()
    output_fields: msgspec.Raw = msgspec.Raw()
    uuid: msgspec.Raw = msgspec.Raw()


_FALCOS_MEMBERS = msgspec.json.Decoder(_FalcosMembers)


def has_foreign_members(text: bytes) -> bool:
    """Whether the object in ``text`` has members that Falco does not write."""
    try:
        _FALCOS_MEMBERS.decode(text)
    except msgspec.ValidationError:
        return True
    except (ValueError, RecursionError):
        return not _names(text) <= set(_FalcosMembers.__struct_fields__)
    return False


def _names(text: bytes) -> set[str]:
    try:
        loose = json.loads(text.decode("utf-8-sig", "replace"), strict=False, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return set()
    return set(loose) if isinstance(loose, dict) else set()


def _as_written(number: str) -> msgspec.Raw:
    return msgspec.Raw(number.encode())


_DECODER = msgspec.json.Decoder(Body, float_hook=_as_written)


def read_body(text: bytes) -> Body | Malformed:
    """Parse the object in ``text``. Never raises.

    Errors that some senders make (bytes that are not UTF-8, lone surrogates, control characters) are repaired; invalid
    characters become U+FFFD.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        return TOO_DEEP
    except ValueError:  # malformed, not UTF-8, an integer of thousands of digits, or no object
        return _read_repaired(text)


TOO_DEEP = Malformed("nests its JSON too deeply")
NOT_JSON = Malformed("is not JSON")
_MAX_NUMBER = 4000
"""Digits. Longer numbers become text, because Python refuses to convert them."""


def _read_repaired(text: bytes) -> Body | Malformed:
    try:
        loose = json.loads(
            text.decode("utf-8-sig", "replace"),
            strict=False,
            parse_int=_number,
            parse_float=_number,
            parse_constant=str,
        )
        return _DECODER.decode(msgspec.json.encode(_without_surrogates(loose)))
    except RecursionError:
        return TOO_DEEP
    except msgspec.ValidationError:
        return Malformed("is not a JSON object")
    except ValueError:
        return NOT_JSON


def _number(text: str) -> msgspec.Raw | str:
    return text if len(text) > _MAX_NUMBER else _as_written(text)


def _without_surrogates(value: Any) -> Any:
    """The value with lone surrogates in its texts replaced."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    return value
