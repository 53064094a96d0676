"""A ``test`` of the language, checked: what happens, step by step, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import Condition


@dataclass(frozen=True, slots=True)
class AlertReceived:
    """An alert comes in; what it does not say has a default."""

    values: Mapping[str, str | tuple[str, ...]]
    span: Span


@dataclass(frozen=True, slots=True)
class TimePassed:
    """So many nanoseconds go by."""

    nanoseconds: int
    span: Span


@dataclass(frozen=True, slots=True)
class IncidentAcknowledged:
    """Somebody acknowledges the route's incidents."""

    route: str
    span: Span


@dataclass(frozen=True, slots=True)
class SilenceAdded:
    """What meets the condition is silent for so many nanoseconds."""

    condition: Condition
    nanoseconds: int
    span: Span


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must have been sent, or must not, since the last event or the last time that went by."""

    route: str | None
    """None: nothing at all."""
    negated: bool
    to: tuple[str, ...]
    count: int | None
    contains: str | None
    """What the message's text must hold."""
    span: Span


Step = AlertReceived | TimePassed | IncidentAcknowledged | SilenceAdded | Expectation


@dataclass(frozen=True, slots=True)
class TestCase:
    """One ``test``."""

    name: str
    steps: tuple[Step, ...]
    span: Span

    __test__ = False
    """Not one of pytest's."""
