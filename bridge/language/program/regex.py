"""Compiles regexes with RE2, which matches in linear time whatever the pattern.

Falco compiles the regexes of conditions with RE2's POSIX syntax, and so does the bridge: ``a+?`` is ``(a+)?``, ``a**``
is allowed, ``^`` and ``$`` match at lines. Falco accepts a regex beyond that syntax (Perl classes, ``(?i)``) but never
matches it; the bridge compiles it with RE2's full syntax.
"""

from __future__ import annotations

from functools import cache
from typing import Any

MEMORY = (512 << 10, 8 << 20)
"""Bytes of a compiled regex and RE2's cache, which hostile text fills. The second limit is for long regexes only."""


def compile_regex(pattern: str, *, posix: bool = False) -> Any | str:
    """The pattern compiled for UTF-8 bytes, or RE2's error message."""
    import re2

    error_text: object = ""
    for memory in MEMORY:
        try:
            return re2.compile(pattern.encode(), _options(memory, posix=posix))
        except re2.error as error:
            error_text = error.args[0] if error.args else ""
    return error_text.decode("utf-8", "replace") if isinstance(error_text, bytes) else str(error_text)


def matches_empty(compiled: Any) -> bool:
    """Whether a compiled pattern matches the empty text, alone or within a text."""
    return any(not match.group(0) for text in (b"", b"a b") for match in compiled.finditer(text))


def compile_as_falco(pattern: str) -> Any | str:
    """The pattern of a condition, compiled; RE2's error message if it is invalid in both syntaxes."""
    compiled = compile_regex(pattern, posix=True)
    return compile_regex(pattern) if isinstance(compiled, str) else compiled


def is_posix(pattern: str) -> bool:
    """Whether Falco can compile the pattern."""
    return not isinstance(compile_regex(pattern, posix=True), str)


@cache
def _options(memory: int, *, posix: bool) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    options.never_capture = True  # capturing groups takes twenty times as long, and no caller needs it
    options.posix_syntax = posix
    return options
