"""How many cells of a terminal a character takes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_JOINING = frozenset(("Mn", "Me", "Cf"))
"""Unicode categories: marks above or around another character, and format. Some such marks have no combining class."""
_SOFT_HYPHEN = "\xad"
_HANGUL_JAMO = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))
"""Vowels and finals of Hangul, which join the initial before them."""


@lru_cache(maxsize=4096)
def cells_of(character: str) -> int:
    """0 for a character that joins the one before it, 2 for a wide one, otherwise 1, as in the C library."""
    if unicodedata.category(character) in _JOINING and character != _SOFT_HYPHEN:
        return 0
    if any(ord(character) in jamo for jamo in _HANGUL_JAMO):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def length_in_cells(text: str) -> int:
    """The cells that a text takes on one row."""
    return len(text) if text.isascii() else sum(map(cells_of, text))
