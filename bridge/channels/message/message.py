"""The message that people read: one model, from which each service's form is rendered. Pure data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.alert import Priority
from bridge.common.clocks.times import SECOND_NS, iso_text
from bridge.common.text import isolated
from bridge.routing import OTHERWISE, NotificationKind


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value: a field of the alert, one of its attributes, or a label."""

    name: str
    value: str


def by_name(facts: Iterable[Fact], own: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """The values by name, after ``own``. A name that occurs again gets a number, such as ``id (2)``."""
    named = dict(own)
    for fact in facts:
        name, number = fact.name, 2
        while name in named:
            name, number = f"{fact.name} ({number})", number + 1
        named[name] = fact.value
    return named


@dataclass(frozen=True, slots=True)
class MessageLink:
    """A link in the message. Its host comes from a route or the bridge, never from an alert."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """How many alerts a message is about, and how many earlier ones were held back."""

    count: int = 1
    suppressed: int = 0
    first_ns: int = 0
    last_ns: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Its texts are bounded, and all their characters are visible.

    They may contain what a service reads as markup or as a mention; the renderer escapes that.
    """

    headline: str
    severity: Priority
    where: str
    """``eu-1 · payments/api-0 on node-3``."""
    who: str
    action: str
    """The command line, or a plugin's name for the action."""
    text: str
    """The route's message, or Falco's output; may have several lines."""
    rule: str
    priority: Priority
    source: str
    hostname: str
    tags: tuple[str, ...]
    time_ns: int
    fields: tuple[Fact, ...]
    """The output fields, the important ones first; at most one hundred."""
    labels: tuple[Fact, ...]
    routes: tuple[str, ...]
    id: str
    incident: str
    """The key of the incident. Pagers group messages with the same key."""
    counts: AlertCounts
    kind: NotificationKind = NotificationKind.SINGLE
    links: tuple[MessageLink, ...] = ()
    fields_left_out: int = 0
    rows: tuple[Fact, ...] | None = None
    """What the ``fields`` of the route choose. None for attributes, fields and labels."""
    alerts: tuple[Message, ...] = ()
    """The messages that a digest lists; empty for the message of one alert."""
    own_text: bool = False
    """Whether ``text`` is the ``message`` of the route. A digest then shows it in place of the second line."""
    unnamed: int = 0
    """Alerts of a digest that it does not list."""
    listing: str = ""
    """The command that lists all alerts of a digest; empty if one command cannot."""

    @property
    def subject(self) -> str:
        """The first line: severity, headline, and the number held back: ``[CRITICAL] rm in prod (+3 held back)``."""
        held_back = f" (+{self.counts.suppressed} held back)" if self.counts.suppressed else ""
        return f"[{self.severity.name}] {isolated(self.headline)}{held_back}"

    @property
    def summary(self) -> str:
        """The second line: who, what and where: ``root: rm -rf /data · eu-1 · payments/api-0 on node-3``."""
        return " · ".join(part for part in (self.who_did_what, self.where) if part) or "unknown host"

    @property
    def who_did_what(self) -> str:
        """``root: rm -rf /data``; ``root, nginx`` for a digest; empty if neither is known."""
        return ": ".join(isolated(part) for part in (self.who, self.action) if part)

    @property
    def line(self) -> str:
        """Its line in a digest: the subject, then the route's own text, or else the second line."""
        return f"{self.subject} — {(' '.join(self.text.split()) if self.own_text else '') or self.summary}"

    @property
    def is_quiet(self) -> bool:
        """Whether it says only that an incident was acknowledged or has ended: no reason to wake a person."""
        return self.kind in {NotificationKind.ACKNOWLEDGED, NotificationKind.RESOLVED}

    @property
    def push(self) -> str:
        """One line for a notification on a phone: the subject, then the second line."""
        return " ".join(f"{self.subject} — {self.summary}".split())

    @property
    def time(self) -> str:
        """The time of the event in UTC with nanoseconds, as Falco's JSON has it."""
        return iso_text(self.time_ns)

    @property
    def route(self) -> str:
        """The names of the routes that sent it."""
        return ", ".join(route for route in self.routes if route != OTHERWISE) or "no route matched (otherwise)"

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The rows of the message: the alert's attributes, its fields, the labels. Without empty rows and the id.

        If the route has chosen rows, these are shown alone, after the counts.
        """
        if self.rows is not None and not self.alerts:
            return tuple(fact for fact in (*self._count_facts(), *self.rows) if fact.value)
        attributes = [
            Fact("rule", self.rule),
            Fact("priority", str(self.priority)),
            Fact("route", self.route),
            Fact("time", self.time),
            *self._count_facts(),
            Fact("host", self.hostname),
            Fact("source", self.source),
            Fact("tags", ", ".join(self.tags)),
        ]
        if self.alerts:
            attributes = [Fact("route", self.route), *self._count_facts()]
        return tuple(fact for fact in (*attributes, *self.fields, *self.labels) if fact.value)

    def _count_facts(self) -> tuple[Fact, ...]:
        """Counts and the time span, unless the message is about one alert."""
        counts = self.counts
        facts = [
            Fact("alerts", str(counts.count) if counts.count > 1 else ""),
            Fact("held back", str(counts.suppressed) if counts.suppressed else ""),
        ]
        if counts.first_ns != counts.last_ns:
            facts += [Fact("first", iso_text(counts.first_ns)), Fact("last", iso_text(counts.last_ns))]
        return tuple(facts)


def unix_seconds(time_ns: int) -> int:
    """Whole seconds since the epoch."""
    return time_ns // SECOND_NS
