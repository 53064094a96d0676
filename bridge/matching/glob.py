"""Globs as Falco's fnmatch reads them, run by RE2 so that no pattern and no text makes them slow.

Over bytes: ``?`` is one byte. ``*`` crosses slashes and leading dots; a backslash escapes; ``[!x]`` and ``[^x]``
negate; POSIX classes work; there are no braces.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from bridge.matching.text import Test, as_bytes, lower

_CLASSES = frozenset(
    ("alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit")
)
_NEVER = rb"[^\x00-\xff]"


@lru_cache(4096)
def glob_test(pattern: str, *, fold: bool) -> Test:
    """A test of the whole text against a glob; ``fold`` ignores the case of ASCII letters."""
    compiled = _compile(_translate(as_bytes(lower(pattern) if fold else pattern)))
    matches = compiled.fullmatch
    if fold:
        return lambda text: matches(as_bytes(lower(text))) is not None
    return lambda text: matches(as_bytes(text)) is not None


def translated(pattern: str) -> bytes:
    """The glob as a regex of RE2's over single bytes."""
    return _translate(as_bytes(pattern))


def _compile(pattern: bytes) -> Any:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = 8 << 20
    return re2.compile(pattern, options)


def _translate(glob: bytes) -> bytes:
    """The glob as a regex over single bytes."""
    parts: list[bytes] = []
    at = 0
    while at < len(glob):
        letter = glob[at : at + 1]
        at += 1
        if letter == b"*":
            if parts[-1:] != [b".*"]:
                parts.append(b".*")
        elif letter == b"?":
            parts.append(b".")
        elif letter == b"[":
            found = _bracket(glob, at)
            if found is None:
                parts.append(rb"\[")
            else:
                part, at = found
                parts.append(part)
        elif letter == b"\\":
            parts.append(_literal(glob[at : at + 1]) if at < len(glob) else _NEVER)
            at += 1
        else:
            parts.append(_literal(letter))
    return b"".join(parts)


def _literal(letter: bytes) -> bytes:
    return b"\\x%02x" % letter[0]


def _bracket(glob: bytes, at: int) -> tuple[bytes, int] | None:
    """The byte class that begins here and where it ends; None where it is never closed."""
    negated = glob[at : at + 1] in (b"!", b"^")
    at += negated
    members: set[int] = set()
    classes: list[bytes] = []
    first = True
    while at < len(glob):
        if glob[at : at + 1] == b"]" and not first:
            return _class(members, classes, negated=negated), at + 1
        first = False
        end = glob.find(b":]", at)
        if glob[at : at + 2] == b"[:" and end > 0 and glob[at + 2 : end].decode("latin-1") in _CLASSES:
            classes.append(glob[at : end + 2])
            at = end + 2
            continue
        if glob[at : at + 2] in (b"[.", b"[=") and glob[at + 3 : at + 5] == glob[at + 1 : at + 2] + b"]":
            members.add(glob[at + 2])
            at += 5
            continue
        low, at = _member(glob, at)
        if glob[at : at + 1] == b"-" and glob[at + 1 : at + 2] not in (b"]", b""):
            high, at = _member(glob, at + 1)
            members.update(range(low, high + 1))
        else:
            members.add(low)
    return None


def _member(glob: bytes, at: int) -> tuple[int, int]:
    if glob[at : at + 1] == b"\\" and at + 1 < len(glob):
        at += 1
    return glob[at], at + 1


def _class(members: set[int], classes: list[bytes], *, negated: bool) -> bytes:
    inner = b"".join(b"\\x%02x" % each for each in sorted(members)) + b"".join(classes)
    if not inner:
        return b"." if negated else _NEVER
    return b"[" + (b"^" if negated else b"") + inner + b"]"
