"""Finds the names in a file: where each is defined, and where it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.language.checker.places import within
from bridge.language.diagnostics.source import Span
from bridge.language.program.template import parse_template
from bridge.language.syntax import tree as syntax


class Kind(StrEnum):
    """What a name names."""

    LIST = "list"
    MACRO = "macro"
    SCHEDULE = "schedule"
    TEMPLATE = "template"
    TABLE = "table"
    ROUTE = "route"
    TEST = "test"
    CHANNEL = "channel"
    FIELD = "field"
    RULE = "rule"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Name:
    """A name at one place."""

    kind: Kind
    text: str
    span: Span
    """With the quotes, where there are some."""
    defines: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class StatementNames:
    """The names in one statement, by place."""

    statement: syntax.Statement
    names: tuple[Name, ...]
    defining: tuple[Name, ...]


def names_of(file: syntax.File, before: Sequence[StatementNames] = ()) -> list[StatementNames]:
    """All names of a file. Those of statements that are the same objects as ``before`` are used again."""
    known = {id(each.statement): each for each in before}
    return [known.get(id(statement)) or _names_in(statement) for statement in file.statements]


def _names_in(statement: syntax.Statement) -> StatementNames:
    found: list[Name] = []
    waiting = [statement]  # `where` may be nested very deep
    while waiting:
        each = waiting.pop()
        found += _statement(each)
        if isinstance(each, syntax.WhereStatement):
            waiting += each.body
    names = tuple(sorted(found, key=lambda name: (name.span.start, name.span.end)))
    return StatementNames(statement, names, tuple(name for name in names if name.defines))


def _word(kind: Kind, word: syntax.Word, *, defines: bool = False) -> Name:
    return Name(kind, word.text, word.span, defines, word.quoted)


_DEFINING: dict[type, Kind] = {
    syntax.MacroStatement: Kind.MACRO,
    syntax.ScheduleStatement: Kind.SCHEDULE,
    syntax.TemplateStatement: Kind.TEMPLATE,
    syntax.TableStatement: Kind.TABLE,
    syntax.RouteStatement: Kind.ROUTE,
    syntax.TestStatement: Kind.TEST,
}
"""The statements that define the name that they contain."""


def _statement(statement: syntax.Statement) -> Iterator[Name]:
    kind = _DEFINING.get(type(statement))
    word = getattr(statement, "name", None)
    if kind is not None and word is not None:
        yield _word(kind, word, defines=True)
    yield from _parts(statement)


def _parts(statement: syntax.Statement) -> Iterator[Name]:
    match statement:
        case syntax.Import():
            yield _word(Kind.FILE, statement.path)
        case syntax.ListStatement():
            yield _word(Kind.LIST, statement.name, defines=not statement.appends)
            yield from _items(statement.items.words)
        case syntax.MacroStatement():
            yield from _condition(statement.condition)
        case syntax.TableStatement():
            yield _word(Kind.FILE, statement.path)
            yield from _fields(statement.by)
        case syntax.RedactStatement():
            yield from _fields(statement.fields)
        case syntax.TemplateStatement():
            yield from (name for each in statement.texts for name in _slots(each.value))
        case syntax.WhereStatement():
            yield from _condition(statement.condition)
        case syntax.RouteStatement():
            yield from _all(_clause, statement.clauses)
        case syntax.TestStatement():
            yield from _all(_step, statement.steps)
        case _:
            pass


def _all(names: Callable[[Any], Iterator[Name]], parts: Iterable[object]) -> Iterator[Name]:
    return (name for part in parts for name in names(part))


def _clause(clause: syntax.Clause) -> Iterator[Name]:
    match clause:
        case syntax.WhenClause():
            yield from _condition(clause.condition)
        case syntax.DuringClause():
            yield _word(Kind.SCHEDULE, clause.schedule)
        case syntax.ToClause():
            yield from (_word(Kind.CHANNEL, channel) for channel in (*clause.channels, *clause.otherwise))
        case syntax.FieldsClause():
            yield from _fields(clause.fields)
        case syntax.LinkClause(url=syntax.FieldName() as column):
            yield from _fields([column])
        case syntax.LinkClause(url=syntax.Word() as text) | syntax.ValueClause(keyword="title" | "message", value=text):
            yield from _slots(text)
        case syntax.ValueClause(keyword="use"):
            yield _word(Kind.TEMPLATE, clause.value)
        case syntax.WindowedClause():
            yield from _windowed(clause)
        case _:
            pass


def _windowed(clause: syntax.WindowedClause) -> Iterator[Name]:
    if clause.condition is not None:
        yield from _condition(clause.condition)
    pairs = [field for pair in clause.pairs for field in (pair.own, pair.other)]
    written = (*clause.fields, *clause.by, clause.distinct, *pairs)
    yield from _fields(field for field in written if field is not None)


def _step(step: syntax.Step) -> Iterator[Name]:
    match step:
        case syntax.EventStep():
            for assignment in step.assignments:
                yield from _fields([assignment.field])
                if assignment.field.text == "rule" and isinstance(assignment.value, syntax.Word):
                    yield _word(Kind.RULE, assignment.value)
        case syntax.AckStep() | syntax.ResolveStep():
            yield _word(Kind.ROUTE, step.route)
        case syntax.SilenceStep():
            yield from _condition(step.condition)
        case syntax.ExpectStep():
            if step.route is not None:
                yield _word(Kind.ROUTE, step.route)
            for channel in step.to:
                yield _word(Kind.CHANNEL, channel)
        case syntax.PassStep():
            pass


def _condition(written: syntax.ConditionNode) -> Iterator[Name]:
    """The names of a condition, computed without recursion because it may be very deep."""
    waiting: list[syntax.ConditionNode] = [written]
    while waiting:
        node = waiting.pop()
        match node:
            case syntax.Comparison():
                yield from _operand(node.left)
                yield from _right(node)
            case syntax.Existence():
                yield from _operand(node.left)
            case syntax.MacroUse():
                yield Name(Kind.MACRO, node.name, node.span)
            case syntax.Negation() | syntax.Parenthesized():
                waiting.append(node.condition)
            case syntax.Conjunction() | syntax.Disjunction():
                waiting += node.conditions


def _right(node: syntax.Comparison) -> Iterator[Name]:
    match node.right:
        case syntax.Transform():
            yield from _operand(node.right)
        case syntax.Word() as word if _is_rule(node.left):
            yield _word(Kind.RULE, word)
        case syntax.WordList(words=words) if _is_rule(node.left):
            for word in words:
                yield _word(Kind.RULE if word.quoted or " " in word.text else Kind.LIST, word)
        case syntax.WordList(words=words):
            yield from _items(words)
        case syntax.Word():
            pass


def _slots(text: syntax.Word) -> Iterator[Name]:
    """The fields in a title, a message or a URL."""
    for slot in parse_template(text.text).slots:
        start = text.text.index(slot.name, slot.offset)
        span = within(text, start, start + len(slot.name))
        if span is not text.span:  # otherwise its place is not known
            yield Name(Kind.FIELD, slot.name, span)


def _is_rule(left: syntax.LeftOperand) -> bool:
    return isinstance(left, syntax.FieldName) and left.text == "rule"


def _items(words: Iterable[syntax.Word]) -> Iterator[Name]:
    """Items of a list. One without quotes may be the name of a list."""
    return (_word(Kind.LIST, word) for word in words if not word.quoted)


def _operand(operand: syntax.CallArgument) -> Iterator[Name]:
    match operand:
        case syntax.FieldName():
            yield from _fields([operand])
        case syntax.Transform(arguments=arguments) | syntax.Arguments(items=arguments):
            for argument in arguments:
                yield from _operand(argument)
        case syntax.Word():
            pass


def _fields(fields: Iterable[syntax.FieldName]) -> Iterator[Name]:
    return (Name(Kind.FIELD, field.text, field.span) for field in fields)
