"""What a sender put into one body or one line: alerts, and what is none of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.alert.forms.text_form import begins_text, decode_text
from bridge.alert.malformed import Malformed
from bridge.sources.contract import Refusal

MOST_PIECES = 10_000
"""Alerts in one body."""
_MOST_COMMAS = 100 * MOST_PIECES
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_LOOSE = json.JSONDecoder(strict=False)
_BLANK = b" \t\r\n"


@dataclass(slots=True)
class Payload:
    """The alerts of a body, in order, and the pieces that were refused."""

    alerts: list[Alert] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    zone: ZoneInfo | None = None
    """Of the clock by which text lines tell the time; None is UTC."""

    def take(self, piece: bytes, received_ns: int) -> None:
        """One alert, or a refusal with its reason."""
        found = decode_one(piece, received_ns, self.zone)
        if isinstance(found, Malformed):
            self.refused.append(Refusal(found.reason, piece))
        else:
            self.alerts.append(found)


def decode_one(piece: bytes, received_ns: int, zone: ZoneInfo | None = None) -> Alert | Malformed:
    """One alert, as JSON or as a text line."""
    if piece.lstrip(_BLANK)[:1] == b"{":
        return decode_json(piece, received_ns)
    return decode_text(piece, received_ns, zone)


class TooMany(Exception):  # noqa: N818  # of the sender's making
    """The body holds more than ``MOST_PIECES``."""


def read_body(body: bytes, received_ns: int, zone: ZoneInfo | None = None) -> Payload:
    """A JSON object, an array of them, a line each, or text lines. A bad piece costs itself only.

    Raises TooMany.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    start = body.lstrip(_BLANK)[:1]
    if not start:
        return Payload(refused=[Refusal("is empty; post an alert as Falco's http_output does", body[:1])])
    if start == b"{":
        return _objects(body, received_ns, zone)
    return _gathered(_elements(body) if start == b"[" else _text_lines(body), body, received_ns, zone)


def trial_alert(now_ns: int) -> bytes:
    """The alert that ``/test`` takes in, of the shape of falcosidekick's."""
    return msgspec.json.encode(
        {
            "time": datetime.fromtimestamp(now_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            + f".{now_ns % 10**9:09d}Z",
            "rule": "Test rule",
            "priority": "Debug",
            "hostname": "falco-bridge",
            "output": "This is a test from falco-bridge",
            "output_fields": {"proc.name": "falco-bridge", "user.name": "falco-bridge"},
            "tags": ["example", "test"],
        }
    )


def _objects(body: bytes, received_ns: int, zone: ZoneInfo | None) -> Payload:
    """One object, whatever line breaks stand in it, or one a line."""
    whole = decode_one(body, received_ns)
    if not isinstance(whole, Malformed):
        return Payload([whole])
    lines = _gathered(_lines(body), body, received_ns, zone)
    return lines if lines.alerts else Payload(refused=[Refusal(whole.reason, body)])


def _gathered(pieces: Iterator[bytes], body: bytes, received_ns: int, zone: ZoneInfo | None) -> Payload:
    payload = Payload(zone=zone)
    for count, piece in enumerate(pieces):
        if count == MOST_PIECES:
            raise TooMany
        payload.take(piece, received_ns)
    if not payload.alerts and not payload.refused:
        payload.refused.append(Refusal("holds no alert at all", body))
    return payload


def _elements(body: bytes) -> Iterator[bytes]:
    """The elements of an array; where it breaks off, the rest is one more."""
    if body.count(b",") <= _MOST_COMMAS:
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
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _lines(body: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        if line := body[start:end].strip(_BLANK):
            yield line
        start = end + 1


def _text_lines(body: bytes) -> Iterator[bytes]:
    """Text alerts; a line that does not begin as one goes on with the value that broke the line before it."""
    piece = bytearray()
    for line in body.split(b"\n"):
        if piece and (begins_text(line) or not begins_text(bytes(piece[:64]))):
            yield bytes(piece)
            piece.clear()
        elif piece:
            piece += b"\n"
        if piece or line.strip(_BLANK):
            piece += line
    if piece.strip(_BLANK):
        yield bytes(piece)
