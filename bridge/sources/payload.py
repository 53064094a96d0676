"""What a sender put into one body or one line: alerts, and what is none of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from bridge.alert import Alert
from bridge.alert.json_form import decode_json
from bridge.alert.malformed import Malformed
from bridge.alert.text_form import begins_text, decode_text
from bridge.sources.contract import Refusal

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_BLANK = b" \t\r\n"


@dataclass(slots=True)
class Payload:
    """The alerts of a body, in order, and the pieces that were refused."""

    alerts: list[Alert] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def take(self, piece: bytes, received_ns: int) -> None:
        """One alert, or a refusal with its reason."""
        found = decode_one(piece, received_ns)
        if isinstance(found, Malformed):
            self.refused.append(Refusal(found.reason, piece))
        else:
            self.alerts.append(found)


def decode_one(piece: bytes, received_ns: int) -> Alert | Malformed:
    """One alert, as JSON or as a text line."""
    if piece.lstrip(_BLANK)[:1] == b"{":
        return decode_json(piece, received_ns)
    return decode_text(piece, received_ns)


def read_body(body: bytes, received_ns: int) -> Payload:
    """A JSON object, an array of them, a line each, or text lines. A bad piece costs itself only."""
    payload = Payload()
    for piece in _pieces(body):
        payload.take(piece, received_ns)
    return payload


def _pieces(body: bytes) -> Iterator[bytes]:
    start = body.lstrip(_BLANK)[:1]
    if start == b"[":
        try:
            yield from (bytes(raw) for raw in _LIST.decode(body))
        except (ValueError, RecursionError):
            yield body
    elif start == b"{":
        yield from _lines(body) if _is_many(body) else (body,)
    else:
        yield from _text_lines(body)


def _is_many(body: bytes) -> bool:
    """Whether each line is an object; otherwise the line breaks stand inside one."""
    first, _, rest = body.strip(_BLANK).partition(b"\n")
    return bool(rest) and first.rstrip(_BLANK).endswith(b"}")


def _lines(body: bytes) -> Iterator[bytes]:
    return (line for line in body.split(b"\n") if line.strip(_BLANK))


def _text_lines(body: bytes) -> Iterator[bytes]:
    """Text alerts; a line that does not begin as one goes on with the value that broke the line before it."""
    piece = b""
    for line in _lines(body):
        if piece and begins_text(line):
            yield piece
            piece = line
        else:
            piece = piece + b"\n" + line if piece else line
    if piece:
        yield piece
