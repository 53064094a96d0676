"""Finds the message inside the JSON record that a log shipper made of a log line."""

from __future__ import annotations

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


_DECODER = msgspec.json.Decoder(_Record)


def enveloped(record: bytes) -> bytes | None:
    """The message in a shipper's record: a line, or an object as JSON. None if the record has none."""
    try:
        found = _DECODER.decode(record)
    except (ValueError, RecursionError):
        return None
    values = (
        found.log, found.message, found.journald, found.event, found.line, found.text_payload, found.json_payload,
        found.log_processed, found.short_message,
    )  # fmt: skip
    contents = [content for content in map(_content, values) if content is not None]
    return next((content for content in contents if content[:1] == b"{"), contents[0] if contents else None)


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
