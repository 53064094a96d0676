"""How many cells of a terminal a character takes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_JOINERS = "\u200b\u200d\ufe0f"


@lru_cache(maxsize=4096)
def cells_of(character: str) -> int:
    """0 for a character that joins the one before it, 2 for a wide one, otherwise 1."""
    if unicodedata.combining(character) or character in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def length_in_cells(text: str) -> int:
    """The cells that a text takes on one row."""
    return len(text) if text.isascii() else sum(map(cells_of, text))
