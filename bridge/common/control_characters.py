"""Escapes characters on which a terminal acts, in text that is complete: JSON, a metrics page, the output of a verb.

They become the escapes of JSON, which leave JSON equal. Text for people is escaped earlier by ``text.visible``.
"""

from __future__ import annotations

import io
import re

_ACTING = "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u202a-\u202e\u2066\u2067]"
"""C0 but tab and line feed, DEL, C1, and bidirectional marks; the two isolates that the bridge writes are not in it."""
_ANY = re.compile(_ACTING)
_BUT_COLOURS = re.compile(f"\x1b\\[[0-9;]*m|({_ACTING})")


def escaped(text: str) -> str:
    r"""The text with each of these characters as ``\u…``."""
    return _ANY.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def escaped_but_colours(text: str) -> str:
    """As ``escaped``, for a terminal on which the bridge writes in colour."""
    return _BUT_COLOURS.sub(lambda match: f"\\u{ord(match[1]):04x}" if match[1] else match[0], text)


class EscapingOutput(io.TextIOWrapper):
    """A text stream that escapes what is written. ``colours`` lets the bridge's colours through."""

    colours = False

    def write(self, text: str, /) -> int:
        """Write the text, escaped."""
        return super().write(escaped_but_colours(text) if self.colours else escaped(text))
