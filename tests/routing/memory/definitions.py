"""What each clause means, as plainly as possible: the whole past is stored and asked again every time.

Times of ``at`` and ``due`` never jump. An event time is the bridge's wall clock's, and at most a minute ahead of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.routing.memory.harness import SECOND

LATENESS = 30 * SECOND
FUTURE = 60 * SECOND
DAY = 86_400 * SECOND


@dataclass(eq=False)
class Event:
    """An alert: its number, when it was received, when it occurred, its key and its rule."""

    number: int
    at: int
    time: int
    key: str
    rule: str
    when: int = 0
    """When it occurred, by the clock that never jumps."""
    certain: bool = True
    """Whether it is certain that nothing prevents it."""
    gone: bool = False
    """It may be forgotten: it is older than the lateness allows for."""


class Line(NamedTuple):
    """A notification: when, to which channel, about how many alerts, which are named, and whether that is certain."""

    at: int
    channel: str
    count: int
    numbers: frozenset[int]
    certain: bool = True


@dataclass
class Definition:
    """One route. ``silenced`` says whether a silence holds an alert back now."""

    channel: str
    silenced: Callable[[Event], bool]
    window: int
    count: int = 1
    past: list[Event] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    wall: int = 0

    def receive(self, event: Event) -> None:
        """An alert is received."""

    def due(self) -> int | None:
        """When the next timer fires."""

    def wake(self, now: int) -> None:
        """The next timer fires."""

    def step(self, wall: int) -> None:
        """The wall clock was set. What is in the future by it counts as received now."""
        self.pass_wall(wall)
        for each in self.past:
            if each.time > wall + FUTURE:
                each.time = wall

    def pass_wall(self, wall: int) -> None:
        """The wall clock shows this time."""
        self.wall = wall
        for each in self.past:
            each.gone = each.gone or each.time + self.window + LATENESS <= wall

    def send(self, at: int, count: int, *events: Event, certain: bool = True) -> None:
        """A notification goes out."""
        self.lines.append(Line(at, self.channel, count, frozenset(each.number for each in events), certain))

    def of(self, key: str, rule: str) -> list[Event]:
        """The past alerts of a key and a rule."""
        return [each for each in self.past if each.key == key and each.rule == rule]


@dataclass
class Plenty(Definition):
    """``after N in D``: of the matches since the last pass, count those in (newest - D, newest]."""

    forgotten: dict[str, int] = field(default_factory=dict)

    def receive(self, event: Event) -> None:
        own = [each for each in self.past if each.key == event.key]
        if own and self.forgotten[event.key] <= event.at:
            own = []
        own.append(event)
        newest = max(each.time for each in own)
        inside = [each for each in own if each.time > newest - self.window]
        others = [each for each in self.past if each.key != event.key]
        self.forgotten[event.key] = newest - self.wall + event.at + self.window + LATENESS
        if len(inside) < self.count:
            self.past = others + inside
            return
        self.past = others
        if not self.silenced(event):
            self.send(event.at, self.count, event)


@dataclass
class Unseen(Definition):
    """``new F in D``: no alert with an event time later than t - D was received before.

    Where the clock was set so that the newest alert of a key is in the future, those before it may be forgotten.
    """

    def receive(self, event: Event) -> None:
        seen = [each for each in self.past if each.key == event.key and each.time > event.time - self.window]
        for each in self.past:
            each.gone = each.gone or each.time <= event.time - self.window - LATENESS
        certain = [each for each in seen if not each.gone]
        self.past.append(event)
        if not certain and not self.silenced(event):
            self.send(event.at, 1, event, certain=not seen)

    def pass_wall(self, wall: int) -> None:
        self.wall = wall

    def step(self, wall: int) -> None:
        early = {each.key for each in self.past if each.time > wall + FUTURE}
        for each in self.past:
            each.gone = each.gone or (each.key in early and each.time <= wall + FUTURE)
        super().step(wall)


@dataclass
class Unprevented(Definition):
    """``unless C within D``: no ``b`` was received that is in the D before the ``a``."""

    def receive(self, event: Event) -> None:
        if event.rule == "a" and not self.silenced(event):
            others = [each for each in self.of(event.key, "b") if event.time - self.window < each.time <= event.time]
            if all(each.gone for each in others):
                self.send(event.at, 1, event, certain=not others)
        self.past.append(event)


@dataclass
class Awaited(Definition):
    """``unless C within D … wait W``: no ``b`` is in the D before the ``a`` or the W after it; decided when that is known."""

    wait: int = 4 * SECOND
    held: list[Event] = field(default_factory=list)

    def receive(self, event: Event) -> None:
        self.past.append(event)
        others = [each for each in self.of(event.key, "b") if self._prevents(each, event)]
        if event.rule == "a" and all(each.gone for each in others):
            self.held.append(event)
            event.certain = not others
        if event.rule == "b":
            self.held = [each for each in self.held if each.key != event.key or not self._prevents(event, each)]

    def due(self) -> int | None:
        return min((each.when + self.wait + LATENESS for each in self.held), default=None)

    def wake(self, now: int) -> None:
        first = min(self.held, key=lambda each: each.when)
        self.held.remove(first)
        if not self.silenced(first):
            self.send(now, 1, first, certain=first.certain)

    def _prevents(self, other: Event, event: Event) -> bool:
        before = event.time - self.window < other.time <= event.time
        return before or event.time < other.time < event.time + self.wait


@dataclass
class Joined(Definition):
    """``with C within D … wait W``: the latest ``b`` in the D before the ``a``, or the first up to W after it.

    The latest eight of a key are remembered.
    """

    wait: int = 4 * SECOND
    held: list[Event] = field(default_factory=list)

    def receive(self, event: Event) -> None:
        self.past.append(event)
        if event.rule == "b":
            met = [each for each in self.held if each.key == event.key and self._fits(event, each)]
            self.held = [each for each in self.held if each not in met]
            for each in met:
                self.send(event.at, 1, each, event, certain=each.certain)
        elif not self.silenced(event):
            others = self.of(event.key, "b")
            fitting = [each for each in others if self._fits(each, event)]
            left = [each for each in fitting if not each.gone]
            known = left == fitting and sum(not each.gone for each in others) <= 8
            for each in [max(left, key=_later)] if known and left else fitting:
                self.send(event.at, 1, each, event, certain=known)
            if not known or not left:
                event.certain = known
                self.held.append(event)

    def due(self) -> int | None:
        return min((each.at + self.wait for each in self.held), default=None)

    def wake(self, now: int) -> None:
        first = min(self.held, key=lambda each: each.at)
        self.held.remove(first)
        if not self.silenced(first):
            self.send(now, 1, first, certain=first.certain)

    def _fits(self, other: Event, event: Event) -> bool:
        return event.time - self.window < other.time <= event.time + self.wait


def _later(event: Event) -> tuple[int, int]:
    return event.time, event.number


@dataclass
class Followed(Definition):
    """``then C within D``: every ``a`` is completed by the first ``b`` that is later, by less than D; each once.

    A ``b`` is remembered for as long as an ``a`` before it may be late.
    """

    negated: bool = False
    open: list[Event] = field(default_factory=list)

    def receive(self, event: Event) -> None:
        self.past = [each for each in self.past if max(each.when + LATENESS, each.at + 1) > event.at]
        self.past.append(event)
        if event.rule == "a":
            follower = next((each for each in self.of(event.key, "b") if self._follows(each, event)), None)
            if follower is None:
                self.open.append(event)
            else:
                self._complete([event], follower, event.at)
        if event.rule == "b":
            met = [each for each in self.open if each.key == event.key and self._follows(event, each)]
            self.open = [each for each in self.open if each not in met]
            self._complete(met, event, event.at)

    def due(self) -> int | None:
        return min((each.when + self.window + LATENESS for each in self.open), default=None)

    def wake(self, now: int) -> None:
        first = min(self.open, key=lambda each: each.when)
        self.open.remove(first)
        if self.negated and not self.silenced(first):
            self.send(now, 1, first)

    def step(self, wall: int) -> None:
        super().step(wall)
        for each in self.open:
            each.time = wall if each.time > wall + FUTURE else each.time

    def _complete(self, met: list[Event], last: Event, at: int) -> None:
        loud = [each for each in met if not self.silenced(each)]
        if loud and not self.negated:
            self.send(at, len(loud), *loud, last)

    def _follows(self, last: Event, first: Event) -> bool:
        later = last.time > first.time or (last.time == first.time and last.number > first.number)
        return later and last.time < first.time + self.window


@dataclass
class Silent(Definition):
    """``absent D``: a key is known from its first match, and reported once after D without an alert."""

    def receive(self, event: Event) -> None:
        own = [each for each in self.past if each.key == event.key]
        if all(each.time <= event.time for each in own):
            self.past = [each for each in self.past if each not in own] + [event]

    def due(self) -> int | None:
        return min((each.when + self.window + LATENESS for each in self.past), default=None)

    def wake(self, now: int) -> None:
        last = min(self.past, key=lambda each: each.when)
        self.past.remove(last)
        if not self.silenced(last):
            self.send(now, 1, last)


@dataclass
class Gathered(Definition):
    """``group by … wait W every E``: a digest W after the group opened, then every E while more come."""

    every: int = 20 * SECOND
    timers: dict[str, int] = field(default_factory=dict)

    def receive(self, event: Event) -> None:
        if not self.silenced(event):
            self.past.append(event)
            self.timers.setdefault(event.key, event.at + self.window)

    def due(self) -> int | None:
        return min(self.timers.values(), default=None)

    def wake(self, now: int) -> None:
        key = min(self.timers, key=lambda each: self.timers[each])
        own = [each for each in self.past if each.key == key]
        self.past = [each for each in self.past if each.key != key]
        if not own:
            del self.timers[key]
            return
        self.timers[key] = now + self.every
        if loud := [each for each in own if not self.silenced(each)]:
            self.send(now, len(loud), *loud)


@dataclass
class Incident:
    """What was sent of one key, and whether somebody acknowledged it."""

    latest: Event
    last: int
    due: int | None
    count: int = 0
    deferred: bool = False
    open: bool = True


@dataclass
class Limited(Definition):
    """``throttle N per D`` and ``to boss after E``: at most N in D, a summary as soon as it may go out, one ladder an incident."""

    escalates: int = 60 * SECOND
    sent: dict[str, list[int]] = field(default_factory=dict)
    held: dict[str, list[Event]] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)

    def receive(self, event: Event) -> None:
        if self.silenced(event):
            return
        if self._free(event.key) <= event.at:
            self._notify(event, event.at, 1, len(self.held.pop(event.key, [])))
        else:
            self.held.setdefault(event.key, []).append(event)
            if event.key in self.incidents:
                self.incidents[event.key].deferred = False

    def due(self) -> int | None:
        return min((due for due, *_ in self._timers()), default=None)

    def wake(self, now: int) -> None:
        _, kind, key = min(self._timers())
        if kind == "summary":
            held = self.held.pop(key)
            if not self.silenced(held[-1]):
                self._notify(held[-1], now, len(held))
            return
        incident = self.incidents[key]
        if incident.last + DAY <= now:
            del self.incidents[key]
        elif self.silenced(incident.latest):
            incident.deferred = True
        else:
            incident.due = None
            self.lines.append(Line(now, "boss", incident.count, frozenset((incident.latest.number,))))

    def acknowledge(self) -> int:
        """A person acknowledges all open incidents."""
        opened = [each for each in self.incidents.values() if each.open]
        for each in opened:
            each.open, each.due = False, None
        return len(opened)

    def _free(self, key: str) -> int:
        """When a slot is free."""
        sent = self.sent.get(key, [])
        return sent[-self.count] + self.window if len(sent) >= self.count else 0

    def _timers(self) -> list[tuple[int, str, str]]:
        timers = [(self._free(key), "summary", key) for key in self.held]
        for key, each in self.incidents.items():
            if each.due is not None and not each.deferred:
                timers.append((each.due, "incident", key))
            timers.append((each.last + DAY, "incident", key))
        return timers

    def _notify(self, event: Event, at: int, count: int, suppressed: int = 0) -> None:
        self.send(at, count + suppressed, event)
        self.sent.setdefault(event.key, []).append(at)
        incident = self.incidents.setdefault(event.key, Incident(event, at, at + self.escalates))
        incident.latest, incident.last, incident.deferred = event, at, False
        incident.count += count
