"""A ``.route`` file as written: a frozen tree with spans, nothing looked up. The parser's product."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.language.source import Span


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a value as written; a quoted one without its quotes and with its escapes resolved."""

    text: str
    quoted: bool
    span: Span


@dataclass(frozen=True, slots=True)
class FieldName:
    """A field with its argument (``evt.arg[flags]``), or an attribute without a dot (``rule``)."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class WordList:
    """``(a, b)`` after an operator or in a ``list``: values, or names of lists."""

    words: tuple[Word, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Arguments:
    """``(a, b)`` inside a transformer's parentheses."""

    items: tuple[CallArgument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Transform:
    """``tolower(proc.name)``."""

    name: Word
    arguments: tuple[CallArgument, ...]
    span: Span


CallArgument = FieldName | Word | Transform | Arguments
Left = FieldName | Transform
Right = Word | WordList | Transform


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator [quantifier] right``."""

    left: Left
    operator: Word
    quantifier: Word | None
    right: Right
    span: Span


@dataclass(frozen=True, slots=True)
class Existence:
    """``field exists``."""

    left: Left
    span: Span


@dataclass(frozen=True, slots=True)
class MacroUse:
    """A macro's name, standing for its condition."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Negation:
    """``not …``."""

    condition: Written
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """``( … )``."""

    condition: Written
    span: Span


@dataclass(frozen=True, slots=True)
class Conjunction:
    """``… and …``, two or more."""

    conditions: tuple[Written, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Disjunction:
    """``… or …``, two or more."""

    conditions: tuple[Written, ...]
    span: Span


Written = Comparison | Existence | MacroUse | Negation | Group | Conjunction | Disjunction


@dataclass(frozen=True, slots=True)
class ListStatement:
    """``list NAME = ( … )``, or ``+=``."""

    name: Word
    items: WordList
    appends: bool
    span: Span


@dataclass(frozen=True, slots=True)
class MacroStatement:
    """``macro NAME = condition``."""

    name: Word
    condition: Written
    span: Span


@dataclass(frozen=True, slots=True)
class When:
    """``when condition``."""

    condition: Written
    span: Span


@dataclass(frozen=True, slots=True)
class To:
    """``to channel, channel``."""

    channels: tuple[Word, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Say:
    """``severity``, ``title`` or ``message`` with its value."""

    keyword: str
    value: Word
    span: Span


@dataclass(frozen=True, slots=True)
class Flag:
    """``drop`` or ``stop``."""

    keyword: str
    span: Span


Clause = When | To | Say | Flag


@dataclass(frozen=True, slots=True)
class RouteStatement:
    """``route "name" { … }``; an ``otherwise`` has no name."""

    name: Word | None
    clauses: tuple[Clause, ...]
    head: Span
    """The keyword and the name."""
    span: Span


Statement = ListStatement | MacroStatement | RouteStatement


@dataclass(frozen=True, slots=True)
class File:
    """One file's statements, in order."""

    statements: tuple[Statement, ...]
