"""Finds the messages inside the JSON record into which a log shipper has wrapped log lines."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from itertools import chain, islice
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
    events: Any = None
    """CloudWatch Logs, the answer to ``filter-log-events``."""
    message_type: Any = msgspec.field(default=None, name="messageType")
    """CloudWatch Logs: whether it is data, or a message to check the receiver."""
    awslogs: Any = None
    """CloudWatch Logs, a subscription of a Lambda function."""
    records: Any = None
    """Amazon Data Firehose."""
    notification: Any = msgspec.field(default=None, name="Message")
    """Amazon SNS."""
    parsed: Any = msgspec.field(default=None, name="json")
    """Filebeat, of a line that was JSON."""
    data: Any = None
    """CloudEvents."""
    detail: Any = None
    """Amazon EventBridge."""
    log_message: Any = msgspec.field(default=None, name="LogMessage")
    log_entry: Any = msgspec.field(default=None, name="LogEntry")
    """Azure Monitor."""
    resource_logs: Any = msgspec.field(default=None, name="resourceLogs")
    """OpenTelemetry, a request with many records."""


_DECODER = msgspec.json.Decoder(_Record)
_MAX_RECORDS = 10_000
"""Of one request. Records beyond it make the request unreadable."""
_MAX_DEPTH = 8
"""Of an OpenTelemetry value."""
_LARGEST = 8 << 20
"""Of an unpacked text, in bytes."""
_GZIP, _GZIP_MAGIC = 31, b"\x1f\x8b"
_CONTROL = "CONTROL_MESSAGE"


def enveloped(record: bytes) -> list[list[bytes]]:
    """The messages that a shipper's record may hold, each a line, or an object as JSON. Empty if it has none.

    The first of them that have an alert are meant: a member of the same name has another meaning for other shippers.
    """
    try:
        found = _DECODER.decode(record)
    except (ValueError, RecursionError):
        return []
    if found.message_type == _CONTROL:
        return [[]]
    listed = chain(_cloudwatch(found.log_events), _cloudwatch(found.events), _opentelemetry(found.resource_logs))
    records = [*islice(listed, _MAX_RECORDS + 1), *_packed(found)]
    if records:
        contents = [content for content in map(_content, records) if content is not None]
        return [contents] if contents and len(records) <= _MAX_RECORDS else []
    values = (
        found.log, found.message, found.journald, found.event, found.line, found.text_payload, found.json_payload,
        found.log_processed, found.short_message, _plain(found.body), found.notification, found.parsed, found.data,
        found.detail, found.log_message, found.log_entry, _of_pubsub(found.message),
    )  # fmt: skip
    contents = [content for content in map(_content, values) if content is not None]
    return [[content] for content in sorted(contents, key=lambda content: content[:1] != b"{")]


def _packed(found: _Record) -> list[object]:
    """The records of Firehose, and the one of a Lambda function: base64, and compressed if they are CloudWatch's."""
    packed = [each.get("data") for each in _objects(found.records)[: _MAX_RECORDS + 1]]
    if isinstance(found.awslogs, dict):
        packed.append(found.awslogs.get("data"))
    room = _LARGEST
    unpacked = list[object]()
    for each in packed:
        text = _unpacked(each, room)
        room -= len(text)
        unpacked += [text] if text else []
    return unpacked


def _of_pubsub(message: object) -> object:
    """The text of a message that Google Cloud Pub/Sub pushes."""
    return _unpacked(message.get("data"), _LARGEST) if isinstance(message, dict) else None


def _unpacked(value: object, room: int) -> str:
    """The text in base64, perhaps compressed, if it has at most ``room`` bytes; else an empty one."""
    if not isinstance(value, str):
        return ""
    try:
        data = base64.b64decode(value, validate=True)
        if data.startswith(_GZIP_MAGIC):
            data = zlib.decompressobj(_GZIP).decompress(data, room + 1)
    except (binascii.Error, ValueError, zlib.error):
        return ""
    return data.decode("utf-8", "replace") if len(data) <= room else ""


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
