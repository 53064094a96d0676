"""Decodes one line or one element of a body, in any form that Falco or a log shipper gives it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import tzinfo

import msgspec

from bridge.alert.alert import Alert
from bridge.alert.forms.envelope import enveloped
from bridge.alert.forms.json_body import NOT_JSON
from bridge.alert.forms.json_form import decode_json
from bridge.alert.forms.log_prefix import cut_prefix
from bridge.alert.forms.text_form import decode_drop_log, decode_text, starts_text_alert
from bridge.alert.malformed import NO_CONTENT, NOT_FROM_FALCO, Malformed
from bridge.alert.rejected import RejectedMessage

Found = Alert | RejectedMessage

_BLANK = b" \t\r\n"
_PADDING = b"\xef\xbb\xbf\0\x1e" + _BLANK
"""A byte order mark, the zeros that a truncated file begins with, and what separates records (RFC 7464)."""
_MAX_ENVELOPES = 3
_MAX_PARTS = 1000
"""Of one line."""
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_LOOSE = json.JSONDecoder(strict=False)
_OBJECT = re.compile(r'\{\s{0,8}"')
_ALERT_INSIDE = re.compile(
    rb'"(?:output_fields|priority)"\s*:'
    rb"|\d\d:\d\d:\d\d\.\d{9}: (?:Emergency|Alert|Critical|Error|Warning|Notice|Informational|Debug) "
)
_FALCOS_LOG = re.compile(
    rb"Events detected: \d+$|Rule counts by severity:|Triggered rules by rule name:|Syscall event drop monitoring:"
    rb"|   (?:[A-Z]+: \d+$|- event drop detected: |\S[^:]{0,200}: \d+$)"
    rb"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}: "
)
"""The beginnings of Falco's own log lines and of the summary that it prints when it exits."""
_FLUENT_BIT_TAG = re.compile(rb"\A[A-Za-z0-9_./-]{1,253}: (?=\[{1,2}\d)")
"""What Fluent Bit's file output writes before a list of time and record."""
_NO_ALERT = "is neither JSON nor a text line of Falco"
_UNKNOWN_PREFIX = "holds an alert behind a prefix that is not known"
_UNREADABLE = "holds an alert that cannot be read"


def is_falcos_log(line: bytes) -> bool:
    """Whether a line is one of Falco's own log lines."""
    return bool(_FALCOS_LOG.match(line))


def decode_message(piece: bytes, received_ns: int, zone: tzinfo | None = None, depth: int = 0) -> list[Found]:
    """The alerts in a piece, and its rejected parts, in order. Empty if it is text without an alert. Never raises.

    ``zone``: the time zone of text alerts; None is UTC.
    """
    piece = piece.strip(_PADDING)
    if piece[:1] == b"{":
        decoded = decode_json(piece, received_ns)
        return [decoded] if isinstance(decoded, Alert) else list(_other_json(piece, decoded, received_ns, zone, depth))
    if starts_text_alert(piece):
        decoded = decode_text(piece, received_ns, zone)
        return [decoded if isinstance(decoded, Alert) else RejectedMessage(decoded.reason, piece)]
    cut = cut_prefix(piece)
    if cut is not None:
        return decode_message(cut[1], received_ns, zone, depth)
    if (tag := _FLUENT_BIT_TAG.match(piece)) and (pair := _elements(piece[tag.end() :])) and depth < _MAX_ENVELOPES:
        return decode_message(pair[-1], received_ns, zone, depth + 1)
    elements = _elements(piece) if piece[:1] == b"[" and depth < _MAX_ENVELOPES else None
    if elements is not None:
        return [found for each in elements for found in decode_message(each, received_ns, zone, depth + 1)]
    return _text(piece, received_ns, zone, depth)


def _other_json(piece: bytes, refused: Malformed, received_ns: int, zone: tzinfo | None, depth: int) -> Iterator[Found]:
    """A shipper's record, several objects, or no alert."""
    if refused is NOT_JSON:
        parts = list(_split(piece))
        if len(parts) > 1:
            for part in parts:
                yield from _part(part, received_ns, zone, depth)
            return
    elif refused in (NO_CONTENT, NOT_FROM_FALCO) and depth < _MAX_ENVELOPES:
        is_log = False
        for contents in enveloped(piece):
            found = [each for content in contents for each in _content(content, received_ns, zone, depth + 1)]
            if any(isinstance(each, Alert) for each in found):
                yield from found
                return
            is_log = is_log or not found
        if is_log:
            return  # Falco's log
    yield RejectedMessage(refused.reason, piece)


def _content(content: bytes, received_ns: int, zone: tzinfo | None, depth: int) -> list[Found]:
    """The alerts in one message of a shipper's record. Empty if it is from Falco's log."""
    found = decode_message(content, received_ns, zone, depth)
    return found if found or is_falcos_log(content) else [RejectedMessage(_NO_ALERT, content)]


def _text(piece: bytes, received_ns: int, zone: tzinfo | None, depth: int) -> list[Found]:
    """Text that neither is nor starts with an alert, but may hold one."""
    if b"{" not in piece:
        return [RejectedMessage(_UNKNOWN_PREFIX, piece)] if _holds_alert(piece) else []
    parts = list(_split(piece))
    found = [each for part in parts for each in _part(part, received_ns, zone, depth)]
    if not any(isinstance(each, Alert) for each in found):
        return [RejectedMessage(_UNREADABLE, piece)] if _holds_alert(piece) else []
    return found if is_falcos_log(piece) else [RejectedMessage(_UNKNOWN_PREFIX, piece)]


def _holds_alert(piece: bytes) -> bool:
    return not is_falcos_log(piece) and _ALERT_INSIDE.search(piece) is not None


def _part(part: bytes, received_ns: int, zone: tzinfo | None, depth: int) -> Iterator[Found]:
    """An object, or what stood before, between or behind objects on one line."""
    if part[:1] == b"{":
        decoded = decode_json(part, received_ns)
        if isinstance(decoded, Alert):
            yield decoded
        elif decoded is NOT_JSON:
            yield RejectedMessage(decoded.reason, part)
        else:
            yield from _other_json(part, decoded, received_ns, zone, depth)
        return
    drops = decode_drop_log(part, received_ns)
    if drops is not None:
        yield drops
    elif not is_falcos_log(part):
        yield RejectedMessage("was glued to an alert", part)


def _split(piece: bytes) -> Iterator[bytes]:
    """The objects on a line and the texts around them. An object that cannot be read extends to the end. Linear."""
    text = piece.decode("utf-8", "replace")
    at = 0
    for _ in range(_MAX_PARTS):
        start = _OBJECT.search(text, at)
        before = text[at : len(text) if start is None else start.start()].strip()
        if before:
            yield before.encode()
        if start is None:
            return
        try:
            at = _LOOSE.raw_decode(text, start.start())[1]
        except (ValueError, RecursionError):
            at = len(text)
        yield text[start.start() : at].encode("utf-8", "surrogatepass")
    if rest := text[at:].strip():
        yield rest.encode()


def _elements(piece: bytes) -> list[bytes] | None:
    try:
        elements = _LIST.decode(piece)
    except (ValueError, RecursionError):
        return None
    return [bytes(each) for each in elements] if len(elements) <= _MAX_PARTS else None
