"""Checked ``test`` blocks: events and expectations, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import Condition


@dataclass(frozen=True, slots=True)
class AlertReceived:
    """An alert is received. Values that are not given have defaults."""

    values: Mapping[str, str | tuple[str, ...]]
    span: Span


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Time passes."""

    nanoseconds: int
    span: Span


@dataclass(frozen=True, slots=True)
class IncidentAcknowledged:
    """The incidents of a route are acknowledged."""

    route: str
    span: Span


@dataclass(frozen=True, slots=True)
class IncidentResolved:
    """The incidents of a route are resolved."""

    route: str
    span: Span


@dataclass(frozen=True, slots=True)
class SilenceAdded:
    """Alerts that match the condition are silenced for a time."""

    condition: Condition
    nanoseconds: int
    span: Span


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must have been sent, or must not have been, since the expectations before."""

    route: str | None
    """None: nothing may have been sent."""
    negated: bool
    to: tuple[str, ...]
    count: int | None
    contains: str | None
    """Text that the message must contain."""
    span: Span


Step = AlertReceived | TimePassed | IncidentAcknowledged | IncidentResolved | SilenceAdded | Expectation


@dataclass(frozen=True, slots=True)
class TestCase:
    """A ``test`` block."""

    name: str
    steps: tuple[Step, ...]
    span: Span
    group: int | None = None
    """The number of its group, whose notifications alone it asks for; None for those of all."""

    __test__ = False
    """Tells pytest that this is not a test class."""
