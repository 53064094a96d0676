"""Keys of clauses: a keyed hash of the original values, and a text for people of the redacted ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from bridge.alert import Alert
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import Field, Kind
from bridge.language.program.fields.kinds import field_kind
from bridge.matching.index.memo import Memo
from bridge.matching.values import read_text

HASH_SIZE = 16
"""Bytes of a key."""
_SHOWN_CHARACTERS = 200
_REMEMBERED_BYTES = 4 << 20
_LONGEST_REMEMBERED = 256
_ENTRY_BYTES = 150
_NO_SPAN = Span("", 0, 0, 1, 1)

KeyOf = Callable[[Alert], bytes]


def key_reader(fields: Sequence[str], labels: Mapping[str, str], secret: bytes) -> KeyOf:
    """A function from an alert to the key of these fields. A missing value is a value of its own."""
    if not fields:
        return _no_key
    return _key_reader(tuple(fields), tuple(sorted(labels.items())), secret)


def own_id(alert: Alert) -> bytes:
    """The key of what has one alert only: its id."""
    return bytes.fromhex(alert.id)


def _no_key(_alert: Alert) -> bytes:
    return b""


def _nothing_shown(_alert: Alert) -> str:
    return ""


@lru_cache(4096)
def _key_reader(fields: tuple[str, ...], labels: tuple[tuple[str, str], ...], secret: bytes) -> KeyOf:
    """The same function for the same fields: it remembers the key of the last alert, which several clauses ask for.

    It also remembers the keys of frequent values, so that all rows of a key have the same object as their key, which
    makes finding them cheaper. It may be called by several threads.
    """
    reads = [read_field(name, dict(labels)) for name in fields]
    only = reads[0] if len(reads) == 1 else None
    last: tuple[Alert | None, bytes] = (None, b"")
    begin = blake2b(key=secret, digest_size=HASH_SIZE).copy
    known: Memo[Any, bytes] = Memo(_REMEMBERED_BYTES)

    def hashed(values: Sequence[Any]) -> bytes:
        digest = begin()
        digest.update(b"".join([_part(value) for value in values]))
        return digest.digest()

    def key(alert: Alert) -> bytes:
        nonlocal last
        latest = last
        if latest[0] is alert:
            return latest[1]
        values = tuple([read(alert) for read in reads]) if only is None else only(alert)
        found = known.get(values)
        if found is None:
            parts = values if only is None else (values,)
            found = hashed(parts)
            size = sum([len(each) for each in parts if each is not None])
            if size <= _LONGEST_REMEMBERED:
                known.store(values, found, size + _ENTRY_BYTES)
        last = (alert, found)
        return found

    return key


def read_field(name: str, labels: Mapping[str, str]) -> Callable[[Alert], Any]:
    """A function from an alert to the text of a field, an attribute or a label; None if it is missing."""
    return read_text(Field(name, field_kind(name) or Kind.UNKNOWN, _NO_SPAN), labels)


def _part(value: Any) -> bytes:
    """One value with its length in front, so that no two lists of values are alike."""
    if value is None:
        return b"-"
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    data = text.encode("utf-8", "replace")
    return b"%d:%s" % (len(data), data)


def shown_key(fields: Sequence[str], labels: Mapping[str, str]) -> Callable[[Alert], str]:
    """A function from a redacted alert to its key as people read it: ``payments/api-0``."""
    if not fields:
        return _nothing_shown
    return _shown_key(tuple(fields), tuple(sorted(labels.items())))


@lru_cache(4096)
def _shown_key(fields: tuple[str, ...], labels: tuple[tuple[str, str], ...]) -> Callable[[Alert], str]:
    """The same function for the same fields, as for ``_key_reader``."""
    reads = [read_field(name, dict(labels)) for name in fields]
    if len(reads) == 1:
        only = reads[0]
        return lambda alert: _shown(only(alert))[:_SHOWN_CHARACTERS]
    return lambda alert: "/".join([_shown(read(alert)) for read in reads])[:_SHOWN_CHARACTERS]


def _shown(value: Any) -> str:
    return "<NA>" if value is None else str(value)
