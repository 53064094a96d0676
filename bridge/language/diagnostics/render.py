"""Renders diagnostics as text (source line, caret, remedy), as JSON and as GitHub annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from unicodedata import category, east_asian_width

from bridge.language.diagnostics.diagnostic import Diagnostic, Fix
from bridge.language.diagnostics.source import SourceText, Span

_MAX_LINE = 200
_MAX_CHANGED_LINES = 8
_COMBINING = frozenset({"Mn", "Me"})
_WIDE = frozenset("WF")


def render_text(diagnostics: Sequence[Diagnostic], sources: Mapping[str, SourceText]) -> str:
    """All diagnostics, each followed by an empty line. ``sources`` are the files by path."""
    return "".join(f"{_rendered(each, sources)}\n\n" for each in diagnostics)


def render_line(diagnostic: Diagnostic) -> str:
    """A diagnostic in one line, with its file and line number."""
    span = diagnostic.span
    return f"{span.path}:{span.line}: {_head(diagnostic)}"


def as_mapping(diagnostic: Diagnostic) -> dict[str, object]:
    """A diagnostic for a JSON encoder. Lines and columns are counted from 1."""
    return {
        "code": diagnostic.code.id,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        **_mapped(diagnostic.span),
        "related": [{"message": label, **_mapped(span)} for label, span in diagnostic.related],
        "fix": None if diagnostic.fix is None else asdict(diagnostic.fix),
    }


def render_github(level: str, path: str, line: int, column: int, title: str, message: str) -> str:
    """An annotation of a GitHub workflow. ``level`` is error, warning or notice."""
    place = f"file={_property(path)},line={line},col={column},title={_property(title)}"
    return f"::{level} {place}::{_data(message)}"


def _mapped(span: Span) -> dict[str, object]:
    return {
        "path": span.path,
        "line": span.line,
        "column": span.column,
        "start": span.start,
        "end": span.end,
    }


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _rendered(diagnostic: Diagnostic, sources: Mapping[str, SourceText]) -> str:
    span = diagnostic.span
    lines = [_head(diagnostic), *_place(span, diagnostic.hint, sources)]
    source = sources.get(span.path)
    if diagnostic.fix is not None and source is not None:
        lines += _changed_lines(diagnostic.fix, source.text, " " * (len(str(span.line)) - 1))
    for label, place in diagnostic.related:
        lines += _place(place, label, sources)
    return "\n".join(lines)


def _head(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.severity.value}[{diagnostic.code.id}]: {_visible(diagnostic.message)}"


def _changed_lines(fix: Fix, text: str, margin: str) -> Iterator[str]:
    """The lines that the fix changes, before and after it. Nothing if they are too long to compare by eye."""
    start = text.rfind("\n", 0, fix.start) + 1
    end = text.find("\n", fix.end)
    end = len(text) if end < 0 else end
    before = text[start:end].split("\n")
    after = f"{text[start : fix.start]}{fix.text}{text[fix.end : end]}".split("\n")
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    if max(map(len, [*before, *after, ""])) > _MAX_LINE or len(before) + len(after) > _MAX_CHANGED_LINES:
        return
    yield from (f"{margin}- │ {_visible(line)}" for line in before)
    yield from (f"{margin}+ │ {_visible(line)}" for line in after)


def _place(span: Span, label: str, sources: Mapping[str, SourceText]) -> Iterator[str]:
    margin = " " * len(str(span.line))
    yield f"{margin} ┌─ {span.path}:{span.line}:{span.column}"
    source = sources.get(span.path)
    if source is None:
        return
    start = source.text.rfind("\n", 0, span.start) + 1
    end = source.text.find("\n", start)
    line = source.text[start : len(source.text) if end < 0 else end]
    shown, column = _window(line, span.start - start)
    lead = "".join("\t" if letter == "\t" else " " * _width(letter) for letter in shown[:column])
    marks = "^" * max(1, sum(map(_width, shown[column : column + span.end - span.start])))
    yield f"{span.line} │ {_visible(shown)}"
    yield f"{margin} │ {lead}{marks} {_visible(label)}".rstrip()


def _window(line: str, column: int) -> tuple[str, int]:
    """A very long line, cut to the surroundings of the place."""
    if len(line) <= _MAX_LINE:
        return line, min(column, len(line))
    start = max(0, column - _MAX_LINE // 2)
    return line[start : start + _MAX_LINE], column - start


def _width(letter: str) -> int:
    """The number of columns that a character takes on a terminal."""
    if category(letter) in _COMBINING:
        return 0
    return 2 if east_asian_width(letter) in _WIDE else len(_visible(letter))


def _visible(text: str) -> str:
    """The text with control characters escaped, because a terminal would interpret them."""
    return "".join(
        letter if letter == "\t" or letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
