"""Finds the messages inside the JSON record that a log shipper made of log lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec


class _Record(msgspec.Struct):
    """The members in which shippers put the line, each a text or an object."""

    log: Any = None
    """Fluent Bit, Fluentd and Docker."""
    message: Any = None
    """Vector, Filebeat and Logstash."""
    journald: Any = msgspec.field(default=None, name="MESSAGE")
    """``journalctl -o json``; a list of bytes if the line is not UTF-8."""
    event: Any = None
    """Splunk's HTTP event collector."""
    line: Any = None
    """Splunk's logging driver of Docker."""
    text_payload: Any = msgspec.field(default=None, name="textPayload")
    """Google Cloud Logging."""
    json_payload: Any = msgspec.field(default=None, name="jsonPayload")
    """Google Cloud Logging, of a line that was JSON."""
    log_processed: Any = None
    """Fluent Bit, of a line that was JSON (``Merge_Log_Key``)."""
    short_message: Any = None
    """Graylog's GELF."""
    body: Any = None
    """OpenTelemetry, one record."""
    log_events: Any = msgspec.field(default=None, name="logEvents")
    """CloudWatch Logs, the events of a subscription."""
    resource_logs: Any = msgspec.field(default=None, name="resourceLogs")
    """OpenTelemetry, a request with many records."""


_DECODER = msgspec.json.Decoder(_Record)
_MAX_RECORDS = 10_000
"""Of one request. Records beyond it make the request unreadable."""
_MAX_DEPTH = 8
"""Of an OpenTelemetry value."""


def enveloped(record: bytes) -> list[bytes]:
    """The messages in a shipper's record, each a line, or an object as JSON. Empty if the record has none."""
    try:
        found = _DECODER.decode(record)
    except (ValueError, RecursionError):
        return []
    records = [*_cloudwatch(found.log_events), *islice(_opentelemetry(found.resource_logs), _MAX_RECORDS + 1)]
    if records:
        contents = [content for content in map(_content, records) if content is not None]
        return contents if len(records) <= _MAX_RECORDS else []
    values = (
        found.log, found.message, found.journald, found.event, found.line, found.text_payload, found.json_payload,
        found.log_processed, found.short_message, _plain(found.body),
    )  # fmt: skip
    contents = [content for content in map(_content, values) if content is not None]
    return [content for content in contents if content[:1] == b"{"][:1] or contents[:1]


def _cloudwatch(events: object) -> list[object]:
    return [each.get("message") for each in _objects(events)]


def _opentelemetry(resources: object) -> Iterator[object]:
    for resource in _objects(resources):
        for scope in _objects(resource.get("scopeLogs")):
            for record in _objects(scope.get("logRecords")):
                yield _plain(record.get("body"))


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _plain(value: object, depth: int = 0) -> object:
    """An OpenTelemetry value, such as ``{"stringValue": "x"}``, as plain JSON. Other values stay as they are."""
    if not isinstance(value, dict) or len(value) != 1 or depth > _MAX_DEPTH:
        return value
    ((kind, content),) = value.items()
    if kind == "kvlistValue" and isinstance(content, dict):
        members = _objects(content.get("values"))
        return {str(each.get("key")): _plain(each.get("value"), depth + 1) for each in members}
    if kind == "arrayValue" and isinstance(content, dict):
        items = content.get("values")
        return [_plain(each, depth + 1) for each in items] if isinstance(items, list) else []
    if kind == "intValue" and isinstance(content, str):
        return int(content) if _INTEGER.fullmatch(content) else content
    return content if kind in _SCALARS else value


_SCALARS = {"stringValue", "boolValue", "intValue", "doubleValue"}
_INTEGER = re.compile(r"-?[0-9]{1,19}")


def _content(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.strip().encode() or None
    if isinstance(value, dict):
        return _encoded(value.get("log") if isinstance(value.get("log"), dict) else value)
    if isinstance(value, list) and value and all(isinstance(each, int) and 0 <= each < 256 for each in value):
        return bytes(value).strip() or None
    return None


def _encoded(value: object) -> bytes | None:
    try:
        return msgspec.json.encode(value)
    except (OverflowError, ValueError, TypeError):
        return None
