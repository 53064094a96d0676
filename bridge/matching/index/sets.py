"""Many patterns in one scan: RE2's sets, which know when they have run out of memory."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

_MEMORY = 4 << 20


class Syntax(Enum):
    """How patterns are read. The value matches every text.

    Where a set does not name that, the set's automaton grew too large and the answer is void; nor can POSIX's syntax
    tell of a text that is no UTF-8.
    """

    POSIX = rb"(.|\n)*"
    PERL = rb"(?s:\C*)"
    BYTES = rb"(?s:.*)"
    """Each byte is a character, as globs have it."""


class TooLarge(Exception):  # noqa: N818  # nothing is wrong with any of them
    """So many patterns have no room in one set."""


class PatternSet:
    """Patterns that must match the whole text."""

    def __init__(self, patterns: Sequence[bytes], syntax: Syntax) -> None:
        """Raises TooLarge."""
        import re2

        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY
        options.posix_syntax = syntax is Syntax.POSIX
        if syntax is Syntax.BYTES:
            options.encoding = re2.Options.Encoding.LATIN1
            options.dot_nl = True
        self._sentinel = len(patterns)
        self._set: Any = re2.Set.FullMatchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Add(syntax.value)
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
