"""The nodes of statements and of the clauses of routes."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.language.diagnostics.source import Span
from bridge.language.syntax.tree.conditions import ConditionNode, FieldName, Word, WordList
from bridge.language.syntax.tree.steps import Step


@dataclass(frozen=True, slots=True)
class Import:
    """``import "file.route"``, or ``import falco "rules.yaml"``."""

    path: Word
    falco: bool
    span: Span


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
    condition: ConditionNode
    span: Span


@dataclass(frozen=True, slots=True)
class PeriodWords:
    """One period of a schedule: days, dates and hours. An empty tuple means all."""

    days: tuple[Word, ...]
    """``mon`` or ``mon-fri``."""
    dates: tuple[Word, ...]
    """``2026-12-24`` or ``2026-12-24..2026-12-26``."""
    hours: tuple[Word, ...]
    """``09:00-18:00``."""


@dataclass(frozen=True, slots=True)
class ScheduleStatement:
    """``schedule NAME = mon-fri 09:00-18:00, sat 10:00-14:00 in "Asia/Seoul"``."""

    name: Word
    periods: tuple[PeriodWords, ...]
    zone: Word | None
    span: Span


@dataclass(frozen=True, slots=True)
class ValueClause:
    """``severity``, ``title`` or ``message`` with its value, or ``use`` with a template's name."""

    keyword: str
    value: Word
    span: Span


@dataclass(frozen=True, slots=True)
class TemplateStatement:
    """``template NAME { title … message … }``."""

    name: Word
    texts: tuple[ValueClause, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RedactStatement:
    """``redact FIELD, … matching "re2" with "***"``."""

    fields: tuple[FieldName, ...]
    pattern: Word
    replacement: Word | None
    span: Span


@dataclass(frozen=True, slots=True)
class TableStatement:
    """``table NAME = "file.csv" by FIELD, …``."""

    name: Word
    path: Word
    by: tuple[FieldName, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class WhenClause:
    """``when condition``."""

    condition: ConditionNode
    span: Span


@dataclass(frozen=True, slots=True)
class DuringClause:
    """``during SCHEDULE``, or ``not during SCHEDULE``."""

    schedule: Word
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ToClause:
    """``to channel, channel``: at once, or ``after`` a time without acknowledgement."""

    channels: tuple[Word, ...]
    """Channels, and columns of tables that name them."""
    after: Word | None
    span: Span
    otherwise: tuple[Word, ...] = ()
    """The channels after ``else``."""


@dataclass(frozen=True, slots=True)
class FieldsClause:
    """``fields f, g``: what the message shows."""

    fields: tuple[FieldName, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class LinkClause:
    """``link "name" "https://…"``, or a column of a table in place of the URL."""

    name: Word
    url: Word | FieldName
    span: Span


@dataclass(frozen=True, slots=True)
class KeyPair:
    """``f = g`` of a key; ``other`` is None for plain ``f``."""

    own: FieldName
    other: FieldName | None
    span: Span


@dataclass(frozen=True, slots=True)
class WindowedClause:
    """A clause with memory. ``keyword`` says which one."""

    keyword: str
    span: Span
    fields: tuple[FieldName, ...] = ()
    """The fields of ``new``."""
    negated: bool = False
    condition: ConditionNode | None = None
    """The condition of ``then``."""
    count: Word | None = None
    """The number of ``after`` and ``throttle``, the limit of ``group``."""
    window: Word | None = None
    """The duration of every clause but ``group``."""
    by: tuple[FieldName, ...] = ()
    pairs: tuple[KeyPair, ...] = ()
    """The key of ``then``, ``unless`` and ``with``."""
    distinct: FieldName | None = None
    """The field of ``after N distinct``."""
    name: Word | None = None
    """The name of ``with``."""
    learn: Word | None = None
    wait: Word | None = None
    every: Word | None = None


@dataclass(frozen=True, slots=True)
class FlagClause:
    """``drop`` or ``stop``."""

    keyword: str
    span: Span


Clause = WhenClause | DuringClause | WindowedClause | ToClause | FieldsClause | LinkClause | ValueClause | FlagClause


@dataclass(frozen=True, slots=True)
class RouteStatement:
    """``route "name" { … }``; an ``otherwise`` has no name."""

    name: Word | None
    clauses: tuple[Clause, ...]
    head: Span
    """The keyword and the name."""
    span: Span


@dataclass(frozen=True, slots=True)
class WhereStatement:
    """``where condition { routes }``."""

    condition: ConditionNode
    body: tuple[RouteStatement | WhereStatement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TestStatement:
    """``test "name" { steps }``."""

    name: Word
    steps: tuple[Step, ...]
    span: Span


Statement = (
    Import
    | ListStatement
    | MacroStatement
    | ScheduleStatement
    | TemplateStatement
    | RedactStatement
    | TableStatement
    | WhereStatement
    | RouteStatement
    | TestStatement
)


@dataclass(frozen=True, slots=True)
class File:
    """One file's statements, in order."""

    statements: tuple[Statement, ...]
