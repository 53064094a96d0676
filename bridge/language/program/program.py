"""A checked program: what a set of ``.route`` files means. The language's product, free of syntax."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.alert import Priority
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import Condition
from bridge.language.program.schedule import Schedule


@dataclass(frozen=True, slots=True)
class During:
    """A route holds only while the schedule does, or only while it does not."""

    schedule: Schedule
    negated: bool

    def holds(self, now_ns: int) -> bool:
        """Whether it lets a route act at this time."""
        return self.schedule.holds(now_ns) is not self.negated

    def refusal(self) -> str:
        """Why the route does not act while this does not let it."""
        return f"schedule `{self.schedule.name}` {'holds' if self.negated else 'does not hold'} at this time"


@dataclass(frozen=True, slots=True)
class Escalation:
    """A channel that hears of it only if nobody has acknowledged by then."""

    channel: str
    after_ns: int


@dataclass(frozen=True, slots=True)
class MemoryClause:
    """A clause that remembers; times are in nanoseconds."""

    keyword: str
    """``new after then absent group throttle resolve``."""
    span: Span
    fields: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    negated: bool = False
    condition: Condition | None = None
    count: int | None = None
    window_ns: int | None = None
    learn_ns: int | None = None
    wait_ns: int | None = None
    every_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One route, checked."""

    name: str
    when: Condition | None
    """With every ``where`` around it. None: every alert (internal ones reach only a route that tests ``source``)."""
    to: tuple[str, ...]
    """Who hears at once."""
    severity: Priority | None
    title: str | None
    """Template source, already checked; None for the default."""
    message: str | None
    drop: bool
    stop: bool
    span: Span
    during: tuple[During, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    memory: tuple[MemoryClause, ...] = ()


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is blotted out of everything that is kept or sent."""

    fields: tuple[str, ...]
    """Output fields, and ``output`` for the text line."""
    pattern: str
    """RE2, searched."""
    replacement: str


@dataclass(frozen=True, slots=True)
class Program:
    """All routes in file order, and where to send what none of them matched."""

    routes: tuple[Route, ...]
    otherwise: tuple[str, ...]
    """Channels for alerts that no route matched; empty without an ``otherwise``."""
    redactions: tuple[Redaction, ...] = ()
