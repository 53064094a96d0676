"""The outline of a file: its statements as a tree, and the ranges that collapse."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.editor.names import Kind
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import Parsed

_DEEPEST = 100
"""Deeper `where` are an error."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement in the outline."""

    kind: Kind | None
    """None for ``where`` and ``otherwise``, which name nothing."""
    title: str
    span: Span
    head: Span
    """What is selected when one goes there."""
    inner: tuple[Entry, ...] = ()


def outline(parsed: Parsed, source: SourceText) -> tuple[Entry, ...]:
    """The statements that define something or contain routes, in order."""
    return _entries(parsed.file.statements, source)


def collapsible(parsed: Parsed, source: SourceText) -> list[tuple[int, int]]:
    """The first and the last line, from 0, of every statement with several lines, and of runs of comments."""
    found: list[tuple[int, int]] = []
    waiting: list[syntax.Statement | syntax.Step] = list(parsed.file.statements)
    while waiting:
        statement = waiting.pop()
        first = statement.span.line - 1
        found.append((first, first + source.text.count("\n", statement.span.start, statement.span.end)))
        if isinstance(statement, syntax.WhereStatement):
            waiting += statement.body
        elif isinstance(statement, syntax.TestStatement):
            waiting += statement.steps
    found += _comments(parsed, source)
    return sorted({each for each in found if each[0] < each[1]})


def _entries(statements: tuple[syntax.Statement, ...], source: SourceText, depth: int = 0) -> tuple[Entry, ...]:
    if depth > _DEEPEST:
        return ()
    return tuple(entry for each in statements if (entry := _entry(each, source, depth)) is not None)


def _entry(statement: syntax.Statement, source: SourceText, depth: int) -> Entry | None:
    match statement:
        case syntax.ListStatement(appends=False):
            return _named(Kind.LIST, statement.name, statement.span)
        case syntax.MacroStatement():
            return _named(Kind.MACRO, statement.name, statement.span)
        case syntax.ScheduleStatement():
            return _named(Kind.SCHEDULE, statement.name, statement.span)
        case syntax.TemplateStatement():
            return _named(Kind.TEMPLATE, statement.name, statement.span)
        case syntax.TableStatement():
            return _named(Kind.TABLE, statement.name, statement.span)
        case syntax.TestStatement():
            return _named(Kind.TEST, statement.name, statement.span)
        case syntax.RouteStatement(name=None):
            return Entry(None, "otherwise", statement.span, statement.head)
        case syntax.RouteStatement(name=syntax.Word() as name):
            return _named(Kind.ROUTE, name, statement.span)
        case syntax.WhereStatement():
            condition = statement.condition.span
            text = " ".join(source.text[condition.start : condition.end].split())
            return Entry(None, f"where {text}", statement.span, condition, _entries(statement.body, source, depth + 1))
        case _:
            return None


def _named(kind: Kind, name: syntax.Word, span: Span) -> Entry:
    return Entry(kind, name.text, span, name.span)


def _comments(parsed: Parsed, source: SourceText) -> list[tuple[int, int]]:
    """Runs of comments on lines of their own."""
    runs: list[tuple[int, int]] = []
    for comment in parsed.comments:
        line = source.text.count("\n", 0, comment.start)
        start = source.text.rfind("\n", 0, comment.start) + 1
        if source.text[start : comment.start].strip():
            continue
        if runs and runs[-1][1] == line - 1:
            runs[-1] = (runs[-1][0], line)
        else:
            runs.append((line, line))
    return runs
