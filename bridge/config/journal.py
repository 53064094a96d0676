"""``journal.keep``: how long, and how much, the journal keeps."""

from __future__ import annotations

import re
from dataclasses import replace

import yaml

from bridge.config.reader import Reader
from bridge.journal.retention import RetentionPolicy

_SIZE = re.compile(r"(\d{1,6})\s?(MB|GB|TB)")
_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SMALLEST = 10 * _BYTES["MB"]


def read_keep(reader: Reader, node: yaml.Node | None) -> RetentionPolicy:
    """The settings, or the defaults where there are none or they are wrong."""
    keep = RetentionPolicy()
    if node is None:
        return keep
    entries = reader.mapping(node, "retention", ("alerts", "deliveries", "size"))
    if "alerts" in entries:
        keep = replace(keep, alerts_ns=reader.duration(entries["alerts"], "alerts", keep.alerts_ns))
    if "deliveries" in entries:
        keep = replace(keep, deliveries_ns=reader.duration(entries["deliveries"], "deliveries", keep.deliveries_ns))
    if "size" in entries:
        keep = replace(keep, size=_size(reader, entries["size"], keep.size))
    return keep


def _size(reader: Reader, node: yaml.Node, default: int) -> int:
    text = reader.text(node, "size")
    match = _SIZE.fullmatch(text)
    size = 0 if match is None else int(match[1]) * _BYTES[match[2]]
    if size < _SMALLEST:
        reader.wrong(node, f"`size` cannot be `{text}`", "at least 10MB, like 500MB or 10GB")
        return default
    return size
