"""The places of parts of quoted texts."""

from __future__ import annotations

import re

from bridge.language.diagnostics.source import Span
from bridge.language.syntax.tree import Word

_LETTER = re.compile(r"\\x[0-9a-fA-F]{2}|\\[\s\S]|[\s\S]")


def within(word: Word, start: int, end: int) -> Span:
    """The span of a part of a value, given by its offsets; the whole value if it contains line breaks."""
    span = word.span
    if not word.quoted:
        return Span(span.path, span.start + start, span.start + max(end, start + 1), span.line, span.column + start)
    if "\n" in word.text:
        return span
    if word.escaped:
        letters = [match.start() + 1 for match in _LETTER.finditer(word.escaped[1:-1])] + [len(word.escaped) - 1]
        if len(letters) != len(word.text) + 1:
            return span
        start, end = letters[min(start, len(word.text))], letters[min(end, len(word.text))]
    elif len(word.text) + len('""') != span.end - span.start:
        return span
    else:
        start, end = start + 1, end + 1
    return Span(span.path, span.start + start, span.start + max(end, start + 1), span.line, span.column + start)
