"""Many patterns in one scan: RE2 sets that report when they run out of memory."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

_MEMORY = 4 << 20


class Syntax(Enum):
    """The syntax of the patterns. The value is a pattern that matches every text.

    Each set contains that pattern. If it does not match, the set's automaton ran out of memory, or a POSIX set was
    given text that is not UTF-8: the result is unusable.
    """

    POSIX = rb"(.|\n)*"
    PERL = rb"(?s:\C*)"
    BYTES = rb"(?s:.*)"
    """Each byte is a character, as in globs."""


class TooLarge(Exception):  # noqa: N818  # control flow, not an error
    """The patterns do not fit into one set."""


class PatternSet:
    """Patterns that are matched against the whole text."""

    def __init__(self, patterns: Sequence[bytes], syntax: Syntax) -> None:
        """Compile the patterns. Raises TooLarge."""
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
        """The numbers of the patterns that match. None if the set ran out of memory."""
        found = self._set.Match(text)
        if not found or self._sentinel not in found:
            return None
        found.remove(self._sentinel)
        return list(found)
