"""Text that attackers wrote, made harmless before it goes out: nothing invisible, nothing endless."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
"""Unicode's controls, format characters (bidi, zero-width), halves of surrogate pairs, private use, separators."""
_BLANK = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0))
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Letters and marks, and yet nothing to see: Default_Ignorable_Code_Point, and the empty Braille cell."""
JOINER = "\u2060"
"""Joins words and takes no room: what parts a sign that means something from what it would mean it about."""
_FROM_THE_RIGHT = frozenset(("R", "AL", "AN"))
_APART, _TOGETHER_AGAIN = "\u2068", "\u2069"
"""Unicode's isolates (UAX 9): what stands between them is laid out by itself. An attacker's own are written out."""


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with every character that cannot be seen written out, ``\x1b`` or ``\u202e``; but for ``keep``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if letter in keep or _is_seen(letter) else _written(letter) for letter in text)


def shortened(text: str, most: int) -> str:
    """At most ``most`` characters, cut in the middle: both ends of a command line tell the most."""
    if len(text) <= most:
        return text
    if most <= 1:
        return "…"[:most]
    head = (most - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def one_line(text: str, most: int) -> str:
    """For a headline: visible, without line breaks, bounded. Bounded first, so that a megabyte costs nothing."""
    return shortened(visible(shortened(text, most * 2)), most)


def unmentioned(text: str) -> str:
    """``@here``, ``<!channel>`` and ``<users/all>`` call nobody once a joiner stands behind the sign."""
    return text.replace("@", f"@{JOINER}").replace("<", f"<{JOINER}")


def isolated(text: str) -> str:
    """Kept from moving what stands beside it: letters that run from right to left take signs and numbers along."""
    if text.isascii() or not any(unicodedata.bidirectional(letter) in _FROM_THE_RIGHT for letter in text):
        return text
    return f"{_APART}{text}{_TOGETHER_AGAIN}"


def unisolated(text: str) -> str:
    """For programs, which lay nothing out."""
    return text.replace(_APART, "").replace(_TOGETHER_AGAIN, "")


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter) not in _UNSEEN and letter not in _BLANK


def _written(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
