"""What a person is told: one model, from which every family of services renders its own form. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.alert import Priority
from bridge.common.text import isolated
from bridge.common.times import SECOND_NS, iso_text
from bridge.routing import OTHERWISE


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what it says: a field of the alert, its rule, a label."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Link:
    """Somewhere to go from the message. The bridge makes its links itself; none ever comes from an alert."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many alerts a message stands for, and how many were held back until it."""

    count: int = 1
    suppressed: int = 0
    first_ns: int = 0
    last_ns: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message, in words that are safe to show as plain text: bounded, every character of them visible.

    Whatever a service reads as markup or as a mention is still in it: a renderer escapes that, at the last moment.
    """

    headline: str
    severity: Priority
    where: str
    """``eu-1 · payments/api-0 on node-3``."""
    who: str
    did: str
    """The command line, or what a plugin's alert calls the deed."""
    text: str
    """The route's message, or Falco's own line; may have several lines."""
    rule: str
    priority: Priority
    source: str
    hostname: str
    tags: tuple[str, ...]
    time_ns: int
    fields: tuple[Fact, ...]
    """The output fields, sorted by name; at most a hundred."""
    labels: tuple[Fact, ...]
    routes: tuple[str, ...]
    id: str
    incident: str
    """The same for everything that one incident says: what a pager folds repeats by."""
    counts: Counts
    links: tuple[Link, ...] = ()
    fields_left_out: int = 0
    alerts: tuple[Message, ...] = ()
    """What a digest names, one message each; empty for one alert's message."""

    @property
    def subject(self) -> str:
        """The first line: how bad, what, how many were held back: ``[CRITICAL] rm -rf in payments (+3 held back)``."""
        held = f" (+{self.counts.suppressed} held back)" if self.counts.suppressed else ""
        return f"[{self.severity.name}] {isolated(self.headline)}{held}"

    @property
    def lede(self) -> str:
        """The second line: where, who, what: ``eu-1 · payments/api-0 on node-3 · root: rm -rf /data``."""
        deed = ": ".join(isolated(part) for part in (self.who, self.did) if part)
        return " · ".join(part for part in (self.where, deed) if part) or "from an unnamed host"

    @property
    def time(self) -> str:
        """When it happened: UTC, to the nanosecond, as Falco writes it in JSON."""
        return iso_text(self.time_ns)

    @property
    def route(self) -> str:
        """The routes that sent it, in words."""
        return ", ".join(route for route in self.routes if route != OTHERWISE) or "none matched (otherwise)"

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Everything there is to know in rows, the alert's own attributes first; nothing empty, no id."""
        told = [
            Fact("rule", self.rule),
            Fact("priority", str(self.priority)),
            Fact("route", self.route),
            Fact("time", self.time),
            *self._span(),
            Fact("host", self.hostname),
            Fact("source", self.source),
            Fact("tags", ", ".join(self.tags)),
        ]
        if self.alerts:
            told = [Fact("route", self.route), *self._span()]
        return tuple(fact for fact in (*told, *self.fields, *self.labels) if fact.value)

    def _span(self) -> tuple[Fact, ...]:
        """How many and since when, where it is not one alert alone."""
        counts = self.counts
        told = [
            Fact("alerts", str(counts.count) if counts.count > 1 else ""),
            Fact("held back", str(counts.suppressed) if counts.suppressed else ""),
        ]
        if counts.first_ns != counts.last_ns:
            told += [Fact("first", iso_text(counts.first_ns)), Fact("last", iso_text(counts.last_ns))]
        return tuple(told)


def unix_seconds(time_ns: int) -> int:
    """Whole seconds since the epoch."""
    return time_ns // SECOND_NS
