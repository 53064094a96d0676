"""Globs with the meaning of Falco's fnmatch, run by RE2 in linear time for every pattern and text.

Globs match bytes: ``?`` is one byte. ``*`` matches slashes and leading dots, a backslash escapes, ``[!x]`` and ``[^x]``
negate, POSIX classes are supported, braces are not. ``iglob`` ignores the case of ASCII letters, except in POSIX
classes: ``[[:upper:]]`` matches a capital in both.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from typing import Any, NamedTuple

from bridge.language.program.regex import MEMORY
from bridge.matching.text import Test, as_bytes, lower

_GRAPHIC = string.ascii_letters + string.digits + string.punctuation
_CLASSES = {
    name.encode(): frozenset(members.encode())
    for name, members in (
        ("alnum", string.ascii_letters + string.digits),
        ("alpha", string.ascii_letters),
        ("blank", " \t"),
        ("cntrl", "".join(map(chr, (*range(32), 127)))),
        ("digit", string.digits),
        ("graph", _GRAPHIC),
        ("lower", string.ascii_lowercase),
        ("print", _GRAPHIC + " "),
        ("punct", string.punctuation),
        ("space", string.whitespace),
        ("upper", string.ascii_uppercase),
        ("xdigit", string.hexdigits),
    )
}
_CLASS = re.compile(rb"\[:([a-y]*):\]")
"""A class, known or unknown. The C library does not accept ``z`` in a name and then takes the bracket literally."""
_COLLATING = re.compile(rb"\[\.([\s\S]*?)\.\]")
_EQUIVALENT = re.compile(rb"\[=([\s\S])=\]")
_MAX_RUNTIME_PATTERN = 1024
_SPECIAL = frozenset("*?[\\")
_NEVER = rb"[^\x00-\xff]"
_EVERY = frozenset(range(256))
_EXACT_CASE = bytes(range(256))
_LOWER_CASE = _EXACT_CASE.lower()
"""Tables that map each byte to the byte that is compared."""


@lru_cache(4096)
def glob_test(pattern: str, *, fold: bool) -> Test:
    """A test of the whole text against a glob; ``fold`` ignores the case of ASCII letters."""
    matches = _compile(translated(pattern, fold=fold)).fullmatch
    return lambda text: matches(as_bytes(text)) is not None


def runtime_glob_matches(pattern: str, text: str, *, fold: bool) -> bool:
    """A match against a pattern that is read from an alert. Not cached; false if the pattern is too long."""
    if _SPECIAL.isdisjoint(pattern):
        return lower(text) == lower(pattern) if fold else text == pattern
    if len(pattern) > _MAX_RUNTIME_PATTERN:
        return False
    return _compile(translated(pattern, fold=fold)).fullmatch(as_bytes(text)) is not None


def translated(pattern: str, *, fold: bool) -> bytes:
    """The glob as an RE2 regex over bytes."""
    glob, case = as_bytes(pattern), _LOWER_CASE if fold else _EXACT_CASE
    parts: list[bytes] = []
    at = 0
    unclosed: set[int] = set()
    while at < len(glob):
        part, at = _part(glob, at, case, unclosed)
        if part != b".*" or parts[-1:] != [part]:
            parts.append(part)
    return b"".join(parts)


def _compile(pattern: bytes) -> Any:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.dot_nl = True
    options.max_mem, most = MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error:
        options.max_mem = most
        return re2.compile(pattern, options)


def _part(glob: bytes, at: int, case: bytes, unclosed: set[int]) -> tuple[bytes, int]:
    """The regex of the part that starts at ``at``, and the start of the next part."""
    match glob[at : at + 1]:
        case b"*":
            return b".*", at + 1
        case b"?":
            return b".", at + 1
        case b"[" if (bracket := _bracket(glob, at + 1, case, unclosed)) is not None:
            return bracket
        case b"\\" if at + 1 == len(glob):
            return _NEVER, at + 1
        case _:
            letter, at = _letter(glob, at, case)
            return _spelled(letter, case), at


def _bracket(glob: bytes, at: int, case: bytes, unclosed: set[int]) -> tuple[bytes, int] | None:
    """The regex of the bracket expression whose content starts at ``at``, and its end. None if it is not closed.

    ``unclosed`` collects the starts of items that no closing bracket follows, so that later brackets stop early.
    """
    negated = glob[at : at + 1] in (b"!", b"^")
    at += negated
    start, valid = at, True
    folded: set[int] = set()
    exact: set[int] = set()
    passed: list[int] = []
    while at < len(glob) and at not in unclosed:
        if glob[at] == ord("]") and at > start:
            members = {each for each in _EVERY if case[each] in folded} | exact
            return _one_of(_EVERY - members if negated and valid else set() if negated else members), at + 1
        item = _item(glob, at, case)
        passed.append(at)
        at = item.end
        valid = valid and item.valid
        if valid:
            folded.update(item.folded)
            exact.update(item.exact)
    unclosed.update(passed[1:])  # the first item may be a bracket that would have closed the others
    return None


class _Item(NamedTuple):
    """One item of a bracket expression. After an invalid item the bracket matches nothing, negated or not."""

    end: int
    folded: Iterable[int] = ()
    exact: Iterable[int] = ()
    valid: bool = True


def _item(glob: bytes, at: int, case: bytes) -> _Item:
    if (found := _CLASS.match(glob, at)) is not None:
        return _Item(found.end(), exact=_CLASSES.get(found[1], ()), valid=found[1] in _CLASSES)
    if (found := _EQUIVALENT.match(glob, at)) is not None:
        return _Item(found.end(), exact=found[1])
    if (found := _COLLATING.match(glob, at)) is not None:
        if len(found[1]) != 1:
            return _Item(found.end(), valid=False)
        low, end = found[1][0], found.end()
    else:
        low, end = _letter(glob, at, case)
    if glob[end : end + 1] == b"-" and glob[end + 1 : end + 2] not in (b"]", b""):
        high, end = _letter(glob, end + 1, case)
        return _Item(end, folded=range(low, high + 1))
    return _Item(end, folded=(low,)) if found is None else _Item(end, exact=(low,))


def _letter(glob: bytes, at: int, case: bytes) -> tuple[int, int]:
    if glob[at : at + 1] == b"\\" and at + 1 < len(glob):
        at += 1
    return case[glob[at]], at + 1


@cache
def _spelled(letter: int, case: bytes) -> bytes:
    return _one_of([each for each in _EVERY if case[each] == letter])


def _one_of(members: Collection[int]) -> bytes:
    if not members:
        return _NEVER
    letters = b"".join(b"\\x%02x" % each for each in sorted(members))
    return letters if len(members) == 1 else b"[" + letters + b"]"
