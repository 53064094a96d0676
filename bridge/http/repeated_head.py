"""Recognizes a request whose head is that of the connection's previous request, except for the body's length. Pure.

Falco and other senders repeat the same head for every alert. Comparing its bytes takes 1 µs where parsing takes 20.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.http.request import RequestHead

_MAX_DIGITS = 7
"""Of a body's length: at most ``MAX_BODY_BYTES``."""
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]{1,%d})\r\n" % _MAX_DIGITS, re.IGNORECASE)
_SPECIAL = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade)[ \t]*:|[^\r]\n", re.IGNORECASE)
"""Headers with which the bytes after the head may not be just a body, and lines that may be read differently."""


@dataclass(frozen=True, slots=True)
class RepeatedHead:
    """A head that the HTTP parser has accepted, on a connection that stays open."""

    head: RequestHead
    before: bytes
    """Its bytes up to the digits of ``Content-Length``."""
    after: bytes
    """Its bytes after them, with the empty line."""

    def body_of(self, data: bytes) -> bytes | None:
        """The body, if ``data`` is exactly one request with this head."""
        start = len(self.before)
        if not data.startswith(self.before):
            return None
        end = data.find(self.after, start, start + _MAX_DIGITS + len(self.after))
        length = data[start:end] if end > start else b""
        body_at = end + len(self.after)
        return data[body_at:] if length.isdigit() and int(length) == len(data) - body_at else None


def repeated_head(head: RequestHead, body: bytes, data: bytes) -> RepeatedHead | None:
    """How to recognize again the head of a request that the parser read in ``data``.

    None if ``data`` is not exactly this request with its plain body.
    """
    size = len(data) - len(body)
    if data.find(b"\r\n\r\n") + 4 != size or not data.endswith(body) or _SPECIAL.search(data, 0, size):
        return None
    lengths = list(_LENGTH.finditer(data, 0, size))
    if len(lengths) != 1 or int(lengths[0][1]) != len(body):
        return None
    start, end = lengths[0].span(1)
    return RepeatedHead(head, data[:start], data[end:size])
