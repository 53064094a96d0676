"""An alert as Falco's JSON outputs write it: the members, the spellings and the types that their readers know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from bridge.alert.alert import INTERNAL_SOURCE, Alert
from bridge.alert.catalogue import find_field
from bridge.common.times import iso_text

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_INTEGERS = frozenset({"uint64", "int64", "reltime", "abstime"})
_BOOLEANS = {"true": True, "false": False}
_MOST_NAMES = 4096
_COUNTED = ("falco.", "scap.")
"""What Falco's metrics snapshots count; it writes those as numbers, and its drop counters as text."""


def falco_json(alert: Alert) -> dict[str, object]:
    """The object, keys sorted as Falco sorts them; numbers stand as raw JSON.

    Types are Falco's own for the fields that its catalogue knows; what another plugin's field holds is text, for an
    alert keeps nothing else. Fields without a value, which Falco writes as null, are not there.
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
            fields[name] = _as_number(_NUMBER, text) if name.startswith(_COUNTED) else text
        else:
            fields[name] = _typed(_type_of(name), text)
    return dict(sorted(fields.items()))


@lru_cache(_MOST_NAMES)
def _type_of(name: str) -> str:
    known = find_field(name)
    return "string" if known is None or known.is_list else known.type


def _typed(kind: str, text: str) -> object:
    if kind in _INTEGERS:
        return _as_number(_INTEGER, text)
    if kind == "bool":
        return _BOOLEANS.get(text, text)
    return _as_number(_NUMBER, text) if kind == "double" else text


def _as_number(form: re.Pattern[str], text: str) -> object:
    """The number as it was written, or the text where it is none."""
    return msgspec.Raw(text.encode()) if form.fullmatch(text) else text
