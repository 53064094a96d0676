"""The nodes of a test's steps."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.language.diagnostics.source import Span
from bridge.language.syntax.tree.conditions import ConditionNode, FieldName, Word, WordList


@dataclass(frozen=True, slots=True)
class Assignment:
    """``field = value`` in an event."""

    field: FieldName
    value: Word | WordList
    span: Span


@dataclass(frozen=True, slots=True)
class EventStep:
    """``event { … }``: an alert is received."""

    assignments: tuple[Assignment, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class PassStep:
    """``after 15m``: time passes."""

    duration: Word
    span: Span


@dataclass(frozen=True, slots=True)
class AckStep:
    """``ack "route"``: its incidents are acknowledged."""

    route: Word
    span: Span


@dataclass(frozen=True, slots=True)
class ResolveStep:
    """``resolve "route"``: its incidents are resolved."""

    route: Word
    span: Span


@dataclass(frozen=True, slots=True)
class SilenceStep:
    """``silence condition for 1h``."""

    condition: ConditionNode
    duration: Word
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectStep:
    """``expect [not] "route" [to …] [count N] [message contains "S"]``; without a route, ``expect nothing``."""

    route: Word | None
    negated: bool
    to: tuple[Word, ...]
    count: Word | None
    contains: Word | None
    span: Span


Step = EventStep | PassStep | AckStep | ResolveStep | SilenceStep | ExpectStep
