"""Many patterns in one scan: RE2's sets, which know when they have run out of memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MEMORY = 16 << 20
_ANYTHING = rb"(?s:\C*)"
"""Matches every text. Where a set does not name it, the set's automaton grew too large and the answer is void."""


class TooLarge(Exception):  # noqa: N818  # nothing is wrong with any of them
    """So many patterns have no room in one set."""


class PatternSet:
    """Patterns that must match the whole text."""

    def __init__(self, patterns: Sequence[bytes], *, latin: bool) -> None:
        """``latin`` takes each byte for a character, as globs do. Raises TooLarge."""
        import re2

        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY
        if latin:
            options.encoding = re2.Options.Encoding.LATIN1
            options.dot_nl = True
        self._sentinel = len(patterns)
        self._set: Any = re2.Set.FullMatchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Add(b"(?s:.*)" if latin else _ANYTHING)
        try:
            self._set.Compile()
        except re2.error:
            raise TooLarge from None

    def matching(self, text: bytes) -> list[int] | None:
        """The numbers of the patterns that match; None where the set cannot tell."""
        found = self._set.Match(text)
        if not found or self._sentinel not in found:
            return None
        found.remove(self._sentinel)
        return list(found)
