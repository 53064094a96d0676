"""Decodes the body of a request, or one line, into alerts and rejected messages. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import msgspec

from bridge.alert import Alert
from bridge.alert.forms.json_body import NOT_JSON
from bridge.alert.forms.json_form import decode_json
from bridge.alert.forms.log_prefix import cut_prefix, starts_alert
from bridge.alert.forms.message import decode_message, is_falcos_log
from bridge.alert.forms.text_form import starts_text_alert
from bridge.alert.malformed import Malformed
from bridge.alert.rejected import RejectedMessage
from bridge.common.clocks.times import iso_text

MAX_ALERTS_PER_BODY = 10_000

MAX_VALUES_PER_ALERT = 100_000
"""Falco's alerts have below a hundred; those of plugins may list thousands. Decoding them costs CPU, not memory."""

_MAX_VALUES = 100 * MAX_ALERTS_PER_BODY
_MAX_LINES = 20 * MAX_ALERTS_PER_BODY
"""Lines of a body, of which blank ones and those that continue a text alert are no alerts."""
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_LOOSE = json.JSONDecoder(strict=False)
_BLANK = b" \t\r\n"
_MAX_PREFIX_BYTES = 2048
_SPACE = re.compile(r"[ \t\r\n]+")


@dataclass(slots=True)
class Payload:
    """The alerts of a body, in order, and its rejected pieces."""

    alerts: list[Alert] = field(default_factory=list)
    rejected: list[RejectedMessage] = field(default_factory=list)
    zone: ZoneInfo | None = None
    """The time zone of text lines; None is UTC."""
    unrecognized: int = 0
    """Lines that hold no alert and are not from Falco's log."""

    def take(self, piece: bytes, received_ns: int) -> None:
        """Decode a piece of a body and add its alerts, or add rejected messages. Falco's log lines are skipped."""
        if not self._add(piece, received_ns) and not is_falcos_log(piece):
            self.rejected.append(RejectedMessage("is neither JSON nor a text line of Falco", piece))

    def take_line(self, line: bytes, received_ns: int) -> None:
        """Decode a line and add its alerts and rejected messages. A line without an alert is skipped."""
        if not self._add(line, received_ns) and line.strip(_BLANK) and not is_falcos_log(line):
            self.unrecognized += 1

    def _add(self, piece: bytes, received_ns: int) -> bool:
        """Whether the piece holds an alert or something to reject."""
        decoded = decode_one(piece, received_ns) if piece[:1] == b"{" else None
        if isinstance(decoded, Alert):
            self.alerts.append(decoded)
            return True
        if decoded is _TOO_MANY_VALUES:
            self.rejected.append(RejectedMessage(_TOO_MANY_VALUES.reason, piece))
            return True
        found = decode_message(piece, received_ns, self.zone)
        for each in found:
            if isinstance(each, Alert):
                self.alerts.append(each)
            else:
                self.rejected.append(each)
        return bool(found)


_TOO_MANY_VALUES = Malformed(f"has more than {MAX_VALUES_PER_ALERT} values")


def decode_one(piece: bytes, received_ns: int) -> Alert | Malformed:
    """Decode an object that is one alert."""
    if len(piece) > MAX_VALUES_PER_ALERT and piece.count(b",") > MAX_VALUES_PER_ALERT:
        return _TOO_MANY_VALUES
    return decode_json(piece, received_ns)


class TooManyAlerts(Exception):  # noqa: N818  # caused by the sender, not a fault
    """The body holds more than ``MAX_ALERTS_PER_BODY`` alerts, or more lines or values than these would have."""


def read_body(body: bytes, received_ns: int, zone: ZoneInfo | None = None) -> Payload:
    """Decode a JSON object, an array of objects, one object per line, or text lines.

    A malformed piece is rejected without affecting the others. Raises TooManyAlerts.
    """
    if len(body) > _MAX_LINES and (body.count(b",") > _MAX_VALUES or _has_too_many_lines(body)):
        raise TooManyAlerts
    body = body.removeprefix(b"\xef\xbb\xbf")
    start = body.lstrip(_BLANK)[:1]
    if not start:
        return Payload(rejected=[RejectedMessage("is empty; post an alert as Falco's http_output does", body[:1])])
    if start == b"{":
        return _objects(body, received_ns, zone)
    is_array = start == b"[" and cut_prefix(body.lstrip(_BLANK)[:_MAX_PREFIX_BYTES]) is None
    return _read_pieces(_elements(body) if is_array else _text_lines(body), body, received_ns, zone)


def make_test_alert(now_ns: int) -> bytes:
    """The alert that a request to ``/test`` creates. It has the shape of falcosidekick's test alert."""
    return msgspec.json.encode(
        {
            "time": iso_text(now_ns),
            "rule": "Test rule",
            "priority": "Debug",
            "hostname": "falco-bridge",
            "output": "This is a test from falco-bridge",
            "output_fields": {"proc.name": "falco-bridge", "user.name": "falco-bridge"},
            "tags": ["example", "test"],
        }
    )


def _objects(body: bytes, received_ns: int, zone: ZoneInfo | None) -> Payload:
    """Decode one object, which may contain line breaks, or one object per line."""
    single = decode_one(body, received_ns)
    if not isinstance(single, Malformed):
        return Payload([single])
    lines = _read_pieces(_lines(body), body, received_ns, zone)
    if lines.alerts:
        return lines
    whole = Payload(zone=zone)
    if single is not NOT_JSON:  # a shipper's record with line breaks
        whole.take(body, received_ns)
    return whole if whole.alerts else Payload(rejected=[RejectedMessage(single.reason, body)])


def _read_pieces(pieces: Iterator[bytes], body: bytes, received_ns: int, zone: ZoneInfo | None) -> Payload:
    payload = Payload(zone=zone)
    for count, piece in enumerate(pieces):
        if count == MAX_ALERTS_PER_BODY:
            raise TooManyAlerts
        payload.take(piece, received_ns)
        if len(payload.alerts) + len(payload.rejected) > MAX_ALERTS_PER_BODY:
            raise TooManyAlerts
    if not payload.alerts and not payload.rejected:
        payload.rejected.append(RejectedMessage("contains no alert", body))
    return payload


def _has_too_many_lines(body: bytes) -> bool:
    """An array may have any number of them: a pretty printer breaks lines."""
    return body.count(b"\n") > _MAX_LINES and body.lstrip(b"\xef\xbb\xbf" + _BLANK)[:1] != b"["


def _elements(body: bytes) -> Iterator[bytes]:
    """The elements of an array. If the array is malformed, the unreadable rest is one more element."""
    try:
        return (bytes(raw) for raw in _LIST.decode(body))
    except (ValueError, RecursionError):
        pass
    return _loose_elements(body.decode("utf-8", "replace").strip())


def _loose_elements(text: str) -> Iterator[bytes]:
    at = _skip(text, 1)
    while at < len(text):
        if text[at] == "]":
            end = len(text)
            at = _skip(text, at + 1)
        else:
            end = _end_of_value(text, at)
        if at < end:
            yield text[at:end].encode("utf-8", "surrogatepass")
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)


def _end_of_value(text: str, at: int) -> int:
    try:
        return int(_LOOSE.raw_decode(text, at)[1])
    except (ValueError, RecursionError):
        return len(text)


def _skip(text: str, at: int) -> int:
    blank = _SPACE.match(text, at)
    return at if blank is None else blank.end()


def _lines(body: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        if line := body[start:end].strip(_BLANK):
            yield line
        start = end + 1


def _starts_piece(line: bytes) -> bool:
    return starts_alert(line) or is_falcos_log(line) or cut_prefix(line) is not None


def _text_lines(body: bytes) -> Iterator[bytes]:
    """Text alerts. A line that does not begin like an alert continues the one before: its value had a line break."""
    piece, continues = bytearray(), False
    for line in body.split(b"\n"):
        if piece and (not continues or _starts_piece(line)):
            yield bytes(piece)
            piece.clear()
        elif piece:
            piece += b"\n"
        if not piece:
            continues = starts_text_alert(line)
        if piece or line.strip(_BLANK):
            piece += line
    if piece.strip(_BLANK):
        yield bytes(piece)
