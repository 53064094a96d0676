"""Checked programs: the meaning of a set of ``.route`` files, without syntax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.alert import Priority
from bridge.language.diagnostics.source import Span
from bridge.language.program.clauses import Clause
from bridge.language.program.condition import Condition
from bridge.language.program.link import Link
from bridge.language.program.schedule import Schedule
from bridge.language.program.table import Table, TableChannel, Value, destinations


@dataclass(frozen=True, slots=True)
class During:
    """The route acts only while a schedule holds, or only while it does not."""

    schedule: Schedule
    negated: bool

    def holds(self, now_ns: int) -> bool:
        """Whether the route may act at this time."""
        return self.schedule.holds(now_ns) is not self.negated

    def refusal(self) -> str:
        """The reason why the route does not act, when ``holds`` is false."""
        return f"schedule `{self.schedule.name}` {'holds' if self.negated else 'does not hold'} at this time"


@dataclass(frozen=True, slots=True)
class Escalation:
    """A channel that is notified unless the incident is acknowledged in time."""

    channel: str
    """Empty if a table names it."""
    after_ns: int
    table: TableChannel | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A checked route."""

    name: str
    when: Condition | None
    """The condition, including every enclosing ``where``. None matches every alert except internal ones."""
    to: tuple[str, ...]
    """The channels that are notified immediately."""
    severity: Priority | None
    title: str | None
    """The text of the template, already checked. None for the default title."""
    message: str | None
    drop: bool
    stop: bool
    span: Span
    during: tuple[During, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    clauses: tuple[Clause, ...] = ()
    """The clauses with memory."""
    resolve_after_ns: int | None = None
    """After how long without a match its incidents are resolved; None is the default of a day."""
    fields: tuple[str, ...] = ()
    """The rows of its messages, in order. Empty for the default."""
    links: tuple[Link, ...] = ()
    tables: tuple[TableChannel, ...] = ()
    """Further channels that are notified immediately: those that tables name for the alert."""
    group: int = 0
    """The number of its group: `stop`, `drop` and `otherwise` act within one group."""
    fallback: bool = False
    """Whether it is the ``otherwise`` of its group: it matches if no other route of the group does."""
    places: Mapping[str, Span] = field(default_factory=dict, hash=False, compare=False)
    """The places of its clauses with memory by their text, of the steps of ``then``, and of ``to`` and ``resolve``."""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """The columns of all tables that it may read, which Falco does not output: each with the fields of its key."""

    def place_of(self, clause: str) -> Span:
        """The place of a clause with memory; that of the route if it is not known."""
        return self.places.get(clause, self.span)

    @property
    def channels(self) -> tuple[str, ...]:
        """All channels that it can notify, those of escalations too."""
        named = (channel for each in self.tables for channel in each.every)
        later = (
            channel
            for each in self.escalations
            for channel in ((each.channel,) if each.table is None else each.table.every)
        )
        return (*self.to, *named, *later)

    def destinations(self, value: Value) -> tuple[str, ...]:
        """The channels that are notified of an alert immediately. ``value`` reads a field of it."""
        return destinations(self.to, self.tables, value) if self.tables else self.to

    @property
    def remembers(self) -> bool:
        """Whether what it does depends on earlier alerts, or on what a person does."""
        return bool(self.clauses or self.escalations or self.resolve_after_ns)


@dataclass(frozen=True, slots=True)
class Redaction:
    """Text that is masked before an alert is stored or sent."""

    fields: tuple[str, ...]
    """Names of output fields; ``output`` is the text line."""
    pattern: str
    """An RE2 regex. Every match in a field is replaced."""
    replacement: str


@dataclass(frozen=True, slots=True)
class Program:
    """All routes in file order, and the channels for unmatched alerts."""

    routes: tuple[Route, ...]
    otherwise: tuple[str, ...]
    """Channels for alerts that no route matches. Empty without an ``otherwise``."""
    redactions: tuple[Redaction, ...] = ()
    tables: tuple[Table, ...] = ()
    otherwise_tables: tuple[TableChannel, ...] = ()
    """Further channels for unmatched alerts: those that tables name for the alert."""

    def unmatched(self, value: Value) -> tuple[str, ...]:
        """The channels for an alert that no route matches. ``value`` reads a field of it."""
        return destinations(self.otherwise, self.otherwise_tables, value) if self.otherwise_tables else self.otherwise
