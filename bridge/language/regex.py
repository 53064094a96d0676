"""Regexes over what alerts say: RE2 only, linear in the text whatever the pattern."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    return options


def compile_regex(pattern: str) -> Any | str:
    """The compiled pattern, over UTF-8 bytes; or what RE2 has against it."""
    import re2

    try:
        return re2.compile(pattern.encode(), _options())
    except re2.error as error:
        said = error.args[0] if error.args else ""
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
