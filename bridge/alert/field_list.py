"""Reads lists of fields as ``falco --list`` prints them, for fields that the catalogue does not have."""

from __future__ import annotations

import re

from bridge.alert.catalogue import FieldType

_TYPES = {
    "STRING": "string", "CHARBUF": "string", "UINT64": "uint64", "UINT32": "uint32", "UINT16": "uint64",
    "UINT8": "uint64", "INT64": "int64", "INT32": "int32", "INT16": "int16", "INT8": "int64",
    "PORT": "port", "BOOL": "bool",
    "RELTIME": "reltime", "ABSTIME": "abstime", "IPADDR": "ipaddr", "IPV4ADDR": "ipaddr", "IPV6ADDR": "ipaddr",
    "IPNET": "ipnet", "DOUBLE": "double", "BYTEBUF": "bytes",
}  # fmt: skip
"""Falco's types, and those of the catalogue."""
_NAME = r"[a-z]\w*(?:\.[A-Za-z_][\w-]*)+"
_PLAIN = re.compile(rf"^({_NAME})(?:\[[^\]]*\])?(?=\s|$)")
_MARKDOWN = re.compile(rf"^\|?\s*`({_NAME})(?:\[[^\]]*\])?`\s*\|\s*([\w() ]+?)\s*\|")
_CLASS = re.compile(r"^(?:#+\s*)?(?:Field )?Class:\s*(\S+)", re.IGNORECASE)
_SOURCES = re.compile(r"^(?:#+\s*)?Event Sources?:\s*(.+)$", re.IGNORECASE)
_TYPE = re.compile(r"\(Type:\s*(\w+)((?:[^)(]|\([^)]*\))*)\)", re.IGNORECASE)


def read_field_list(text: str) -> list[FieldType]:
    """The fields of a list, plain (``falco --list``, with or without ``-v``) or ``--list --markdown``.

    Types are known from ``-v`` and Markdown only; other fields have the type ``any``.
    """
    fields: dict[str, FieldType] = {}
    provider, source, current = "falco --list", "*", ""
    for line in text.splitlines():
        if (found := _CLASS.match(line)) is not None:
            provider, source, current = found[1], "*", ""
        elif (found := _SOURCES.match(line)) is not None:
            sources = found[1].split(",")
            source = sources[0].strip() if len(sources) == 1 else "*"
        elif (found := _MARKDOWN.match(line)) is not None:
            fields[found[1]] = _field(found[1], found[2], source, provider)
        elif (found := _PLAIN.match(line)) is not None:
            current = found[1]
            fields[current] = FieldType(current, "any", is_list=False, source=source, provider=provider)
        if current and (typed := _TYPE.search(line)) is not None:
            fields[current] = _field(current, typed[1] + typed[2], source, provider)
    return list(fields.values())


def _field(name: str, written: str, source: str, provider: str) -> FieldType:
    kind = re.match(r"\w+", written)
    found = _TYPES.get("" if kind is None else kind[0].upper(), "any")
    return FieldType(name, found, is_list="list" in written.lower(), source=source, provider=provider)
