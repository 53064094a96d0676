"""Makes untrusted text safe to display: visible characters only, bounded length, no mentions."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
"""Unicode categories: control, format (bidirectional, zero-width), surrogate, private use, line and paragraph break."""
_BLANK = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0))
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Letters and marks that show nothing: Default_Ignorable_Code_Point and the empty Braille cell."""
WORD_JOINER = "\u2060"
"""Invisible and without width. Between a sign and a name it keeps the two from being read as a mention."""
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
_FIRST_STRONG_ISOLATE, _POP_DIRECTIONAL_ISOLATE = "\u2068", "\u2069"
"""Unicode isolates (UAX 9). ``visible`` escapes the ones in untrusted text."""


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with every invisible character escaped, as ``\x1b`` or ``\u202e``, except those in ``keep``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep or _is_visible(char) else _escaped(char) for char in text)


def shortened(text: str, length: int) -> str:
    """The text in at most ``length`` characters, cut in the middle: both ends of a command line matter."""
    if len(text) <= length:
        return text
    if length <= 1:
        return "…"[:length]
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


def one_line(text: str, length: int) -> str:
    """The text as one visible line of at most ``length`` characters. Cut first, so that a megabyte costs nothing."""
    return shortened(visible(shortened(text, length * 2)), length)


def escape_mentions(text: str) -> str:
    """The text with a word joiner after each ``@`` and ``<``, so that ``@here`` or ``<!channel>`` are not mentions."""
    return text.replace("@", f"@{WORD_JOINER}").replace("<", f"<{WORD_JOINER}")


def isolated(text: str) -> str:
    """The text, isolated if it contains right-to-left letters, which would reorder the text around it."""
    if text.isascii() or not any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return text
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_DIRECTIONAL_ISOLATE}"


def without_isolates(text: str) -> str:
    """The text without isolates, for programs."""
    return text.replace(_FIRST_STRONG_ISOLATE, "").replace(_POP_DIRECTIONAL_ISOLATE, "")


def _is_visible(char: str) -> bool:
    return unicodedata.category(char) not in _INVISIBLE and char not in _BLANK


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
