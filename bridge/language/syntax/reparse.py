"""Parses a changed file again: only the statements that the change touches. For editors.

A file of 500 routes takes 200 ms to parse, and every key that is pressed changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from msgspec.structs import force_setattr

from bridge.language.diagnostics.diagnostic import Diagnostic, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.syntax.parser import Parsed, parse
from bridge.language.syntax.tree import File

_TOKENS = re.compile(r"""#[^\n]*|"(?:[^"\\]++|\\[\s\S])*+"|'(?:[^'\\]++|\\[\s\S])*+'|[{}()"']""")
_BLANKS = " \t\r"


@dataclass(frozen=True, slots=True)
class _Region:
    """What is parsed again: whole lines. Statements ``first`` to ``last`` (not included) were there before."""

    start: int
    old_end: int
    new_end: int
    first: int
    last: int


def reparse(before: SourceText, parsed: Parsed, after: SourceText) -> Parsed:
    """The result of parsing ``after``. ``parsed`` is that of ``before`` and must not be used any more.

    The spans of statements behind the change are moved in place, which takes a twentieth of the time of making them.
    Everything is parsed where the change may reach beyond its own statements, as an open brace does.
    """
    region = _region(before.text, parsed, after.text)
    if not _is_closed(before, after, region):
        return parse(after)
    return _replaced(before, parsed, after, region)


def reparse_nearby(before: SourceText, parsed: Parsed, after: SourceText) -> tuple[Parsed, bool]:
    """As ``reparse``, but only the statements that the change touches are parsed. Takes a few milliseconds always.

    The second value is False if the change may reach beyond them: the problems may then differ from those that
    ``parse`` finds, until the file is parsed as a whole.
    """
    region = _region(before.text, parsed, after.text)
    return _replaced(before, parsed, after, region), _is_closed(before, after, region)


def _is_closed(before: SourceText, after: SourceText, region: _Region) -> bool:
    return _is_balanced(after.text[region.start : region.new_end]) and _is_balanced(
        before.text[region.start : region.old_end]
    )


def _replaced(before: SourceText, parsed: Parsed, after: SourceText, region: _Region) -> Parsed:
    """The file with the statements of a region parsed again."""
    text = after.text[region.start : region.new_end]
    part = parse(SourceText(after.path, text), part=text != after.text)
    _move(part.spans, _spans(part.diagnostics), region.start, after.text.count("\n", 0, region.start))
    shift = region.new_end - region.old_end
    lines = text.count("\n") - before.text.count("\n", region.start, region.old_end)
    above = [each for each in parsed.diagnostics if each.span.end <= region.start]
    below = [each for each in parsed.diagnostics if each.span.start >= region.old_end]
    _move(parsed.spans[region.last :], _spans(below, region.old_end), shift, lines)
    problems = (
        *above,
        *(_moved(each, region.start) for each in part.diagnostics),
        *(_moved(each, shift) for each in below),
    )
    comments = (
        *(each for each in parsed.comments if each.start < region.start),
        *(replace(each, start=each.start + region.start) for each in part.comments),
        *(replace(each, start=each.start + shift) for each in parsed.comments if each.start >= region.old_end),
    )
    broken, routes = parsed.broken_names, parsed.broken_routes
    if len(problems) == len(part.diagnostics):  # no other statement has an error
        broken = routes = frozenset()
    statements, new = parsed.file.statements, part.file.statements
    old = statements[region.first : region.last]
    same = next(
        (at for at, (one, two) in enumerate(zip(old, new, strict=False)) if one != two), min(len(old), len(new))
    )
    above_change = region.first + same  # these are the same as before, and stay the same objects
    return Parsed(
        File((*statements[:above_change], *new[same:], *statements[region.last :])),
        tuple(sorted(problems, key=by_place)),
        broken | part.broken_names,
        routes | part.broken_routes,
        comments,
        (*parsed.spans[:above_change], *part.spans[same:], *parsed.spans[region.last :]),
    )


def _region(old: str, parsed: Parsed, new: str) -> _Region:
    """The lines of the statements that a change touches, with the statement before them, which may continue."""
    same = _common_start(old, new)
    common = min(_common_start(old[::-1], new[::-1]), min(len(old), len(new)) - same)
    changed_end = len(old) - common
    statements = parsed.file.statements
    first = next((at for at, each in enumerate(statements) if each.span.end >= same), len(statements))
    first = max(0, first - 1)
    while first > 0 and not _starts_line(old, statements[first].span.start):
        first -= 1
    last = next((at for at, each in enumerate(statements) if each.span.start > changed_end), len(statements))
    while last < len(statements) and not _starts_line(old, statements[last].span.start):
        last += 1
    start = 0 if first == 0 else old.rfind("\n", 0, statements[first].span.start) + 1
    end = len(old) if last == len(statements) else old.rfind("\n", 0, statements[last].span.start) + 1
    return _Region(start, end, end + len(new) - len(old), first, last)


def _common_start(one: str, other: str) -> int:
    """How many characters two texts have in common at their start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _starts_line(text: str, offset: int) -> bool:
    return not text[text.rfind("\n", 0, offset) + 1 : offset].strip(_BLANKS)


def _is_balanced(text: str) -> bool:
    """Whether every brace, parenthesis and quote of a text is closed in it, so that no error reaches beyond it."""
    depth = 0
    for match in _TOKENS.finditer(text):
        mark = match[0]
        if mark in "\"'":
            return False
        depth += (mark in "{(") - (mark in "})")
        if depth < 0:
            return False
    return depth == 0


def _move(statements: Iterable[Iterable[Span]], others: Iterable[Span], offset: int, lines: int) -> None:
    """Move the spans of statements, and other spans, which may be among them."""
    places = {id(span): (span, span.start, span.line) for span in others}
    if offset or lines:
        for spans in statements:
            _move_all(spans, offset, lines)
        _move_all(
            (span for span, start, line in places.values() if (span.start, span.line) == (start, line)), offset, lines
        )


def _move_all(spans: Iterable[Span], offset: int, lines: int) -> None:
    for span in spans:
        force_setattr(span, "start", span.start + offset)
        force_setattr(span, "end", span.end + offset)
        if lines:
            force_setattr(span, "line", span.line + lines)


def _spans(problems: Iterable[Diagnostic], start: int = 0) -> Iterator[Span]:
    """The spans of problems behind a place."""
    for problem in problems:
        yield from (span for span in (problem.span, *(span for _, span in problem.related)) if span.start >= start)


def _moved(problem: Diagnostic, offset: int) -> Diagnostic:
    """The problem with its edit moved; its spans are moved in place."""
    if problem.fix is None:
        return problem
    fix = replace(problem.fix, start=problem.fix.start + offset, end=problem.fix.end + offset)
    return replace(problem, fix=fix)
