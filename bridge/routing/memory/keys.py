"""Keys of clauses: a keyed hash of the original values, and a text for people of the redacted ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from bridge.alert import Alert
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import Field, Kind
from bridge.language.program.kinds import field_kind
from bridge.matching.values import read_text

HASH_SIZE = 16
"""Bytes of a key."""
_SHOWN_CHARACTERS = 200
_NO_SPAN = Span("", 0, 0, 1, 1)

KeyOf = Callable[[Alert], bytes]


def key_reader(fields: Sequence[str], labels: Mapping[str, str], secret: bytes) -> KeyOf:
    """A function from an alert to the key of these fields. A missing value is a value of its own."""
    if not fields:
        return lambda _alert: b""
    reads = [read_field(name, labels) for name in fields]

    def key(alert: Alert) -> bytes:
        return hash_values((read(alert) for read in reads), secret)

    return key


def read_field(name: str, labels: Mapping[str, str]) -> Callable[[Alert], Any]:
    """A function from an alert to the text of a field, an attribute or a label; None if it is missing."""
    return read_text(Field(name, field_kind(name) or Kind.UNKNOWN, _NO_SPAN), labels)


def hash_values(values: Iterable[Any], secret: bytes) -> bytes:
    """The key of these values. Each is preceded by its length, so that no two lists of values are alike."""
    found = blake2b(key=secret, digest_size=HASH_SIZE)
    for value in values:
        if value is None:
            found.update(b"-")
            continue
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        data = text.encode("utf-8", "replace")
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.digest()


def shown_key(fields: Sequence[str], labels: Mapping[str, str]) -> Callable[[Alert], str]:
    """A function from a redacted alert to its key as people read it: ``payments/api-0``."""
    reads = [read_field(name, labels) for name in fields]

    def shown(alert: Alert) -> str:
        values = [read(alert) for read in reads]
        return "/".join("<NA>" if value is None else str(value) for value in values)[:_SHOWN_CHARACTERS]

    return shown
