"""Encodes an alert as Falco's JSON output does, with the same members, spellings and types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from bridge.alert.alert import INTERNAL_SOURCE, Alert
from bridge.alert.catalogue import find_field
from bridge.common.clocks.times import iso_text

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_INTEGERS = frozenset({"uint64", "uint32", "int64", "int32", "int16", "port", "reltime", "abstime"})
_BOOLEANS = {"true": True, "false": False}
_MAX_NAMES = 4096
_COUNTERS = ("falco.", "scap.")
"""Prefixes of the counters in metrics snapshots, which Falco writes as numbers. It writes drop counters as text."""


def falco_json(alert: Alert) -> dict[str, object]:
    """The JSON object, with keys sorted as in Falco. Numbers are raw JSON.

    Fields in the catalogue have Falco's types; other fields are text, because an alert stores only text. Falco writes
    missing values as null; they are left out here.
    """
    return {
        "hostname": alert.hostname,
        "output": alert.output,
        "output_fields": _fields(alert),
        "priority": str(alert.priority),
        "rule": alert.rule,
        "source": alert.source,
        "tags": alert.tags,
        "time": iso_text(alert.time_ns),
    }


def _fields(alert: Alert) -> Mapping[str, object]:
    if not alert.fields:
        return {}
    fields: dict[str, object] = {"evt.time": alert.time_ns}
    lists = alert.lists
    internal = alert.source == INTERNAL_SOURCE
    for name, text in alert.fields.items():
        if name in lists:
            fields[name] = lists[name]
        elif internal:
            fields[name] = _as_number(_NUMBER, text) if name.startswith(_COUNTERS) else text
        else:
            fields[name] = _typed(_type_of(name), text)
    return dict(sorted(fields.items()))


@lru_cache(_MAX_NAMES)
def _type_of(name: str) -> str:
    known = find_field(name)
    return "string" if known is None or known.is_list or known.hexadecimal else known.type


def _typed(kind: str, text: str) -> object:
    if kind in _INTEGERS:
        return _as_number(_INTEGER, text)
    if kind == "bool":
        return _BOOLEANS.get(text, text)
    return _as_number(_NUMBER, text) if kind == "double" else text


def _as_number(form: re.Pattern[str], text: str) -> object:
    """The number as written, or the text if it is not a number."""
    return msgspec.Raw(text.encode()) if form.fullmatch(text) else text
