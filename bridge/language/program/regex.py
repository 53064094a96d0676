"""Regexes over what alerts say: RE2 only, linear in the text whatever the pattern.

In a condition they mean what they mean to Falco, which compiles RE2's POSIX syntax: ``a+?`` is ``(a+)?`` there, ``a**``
is allowed, ``^`` and ``$`` are about lines. What that syntax has not (Perl's classes, ``(?i)``) Falco takes and never
matches; here it is read with all of RE2's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

MEMORY = (512 << 10, 8 << 20)
"""Bytes for a regex and what RE2 remembers of texts, which hostile ones fill; the second is for the longest only."""


def compile_regex(pattern: str, *, posix: bool = False) -> Any | str:
    """The compiled pattern, over UTF-8 bytes; or what RE2 has against it."""
    import re2

    said: object = ""
    for memory in MEMORY:
        try:
            return re2.compile(pattern.encode(), _options(memory, posix=posix))
        except re2.error as error:
            said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def compile_as_falco(pattern: str) -> Any | str:
    """A condition's pattern, compiled; or what RE2 has against it in either syntax."""
    compiled = compile_regex(pattern, posix=True)
    return compile_regex(pattern) if isinstance(compiled, str) else compiled


def is_posix(pattern: str) -> bool:
    """Whether Falco can compile it."""
    return not isinstance(compile_regex(pattern, posix=True), str)


@cache
def _options(memory: int, *, posix: bool) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    options.never_capture = True  # to find what a group holds takes twenty times as long, and nobody asks
    options.posix_syntax = posix
    return options
