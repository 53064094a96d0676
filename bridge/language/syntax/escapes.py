"""Resolves the escapes of quoted strings, as Falco does."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\\": "\\", "/": "/", " ": "\\"}
"""Escapes and their values. Falco reads a backslash followed by a space as a backslash."""
_HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class BadEscape:
    """An escape that Falco rejects, and its offset in the quoted text."""

    offset: int
    text: str


def unquote(quoted: str) -> str | BadEscape:
    r"""The value of a quoted string.

    ``\xHH`` is a byte (Falco 0.44). Bytes that are not UTF-8 become U+FFFD.
    """
    quote, inner = quoted[0], quoted[1:-1]
    if "\\" not in inner:
        return inner
    parts: list[bytes] = []
    at = 0
    while (found := inner.find("\\", at)) >= 0:
        parts.append(inner[at:found].encode())
        letter = inner[found + 1 : found + 2]
        digits = inner[found + 2 : found + 4]
        if letter == "x" and len(digits) == 2 and _HEX.issuperset(digits):
            parts.append(bytes.fromhex(digits))
            at = found + 4
        elif letter == quote or letter in _PLAIN:
            parts.append(_PLAIN.get(letter, letter).encode())
            at = found + 2
        else:
            return BadEscape(found + 1, inner[found : found + 2])
    parts.append(inner[at:].encode())
    return b"".join(parts).decode("utf-8", "replace")


def unquote_regex(quoted: str) -> str:
    r"""The value of a quoted regex outside a condition.

    Only ``\\`` and the escaped quote are resolved; RE2 reads the rest. So ``\S`` and ``\\S`` are the same.
    """
    mark = quoted[0]
    return re.sub(r"\\([\s\S])", lambda found: found[1] if found[1] in ("\\", mark) else found[0], quoted[1:-1])
