"""The stages of a route: its clauses with memory in order, what identifies their rows, and how their keys are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import takewhile

from bridge.alert import Alert
from bridge.language.program.clauses import Absent, After, Clause, Group, New, Pair, Then, Throttle, Unless, With
from bridge.language.program.condition import Condition
from bridge.language.program.program import Route
from bridge.language.program.template import parse_template
from bridge.routing.memory.clauses.absent import AbsentStage
from bridge.routing.memory.clauses.after import AfterStage
from bridge.routing.memory.clauses.group import GroupStage
from bridge.routing.memory.clauses.join import JoinStage
from bridge.routing.memory.clauses.new import NewStage
from bridge.routing.memory.clauses.sequence import SequenceStage
from bridge.routing.memory.clauses.stage import LATENESS_NS, Stage
from bridge.routing.memory.clauses.throttle import ThrottleStage
from bridge.routing.memory.clauses.unless import UnlessStage
from bridge.routing.memory.keys import HASH_SIZE, KeyOf, key_reader

_ORDER = (New, Unless, After, Then, Absent, With, Group, Throttle)
"""The order in which clauses act. Silences act between ``Absent`` and ``With``."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A condition that alerts of any kind are asked for a clause of this route."""

    stage: int
    """The place of the clause among the route's stages."""
    number: int
    """The number of the condition within the clause."""
    condition: Condition
    key: KeyOf
    """The key of an alert that meets the condition."""
    fields: tuple[str, ...]
    """The fields of it that texts name."""


@dataclass(frozen=True, slots=True)
class PlacedStage:
    """A stage, what identifies its rows, and how to read its key."""

    clause: Clause | None
    """None for the incidents."""
    stage: Stage
    identity: str
    key: KeyOf


def placed_stages(route: Route, labels: Mapping[str, str], secret: bytes) -> list[PlacedStage]:
    """The clauses of a route in the order in which an alert passes them."""
    placed: list[PlacedStage] = []
    for clause in _in_order(route):
        identity, key = f"{route.name}\n{clause.text}", own_key(clause, labels, secret, route)
        placed.append(PlacedStage(clause, _stage(clause, held_before_ns(route, clause)), identity, key))
    return placed


def held_before_ns(route: Route, clause: Clause) -> int:
    """How long the clauses before this one may hold an alert."""
    return sum(_longest_hold_ns(each) for each in takewhile(lambda each: each is not clause, _in_order(route)))


def _in_order(route: Route) -> list[Clause]:
    return sorted(route.clauses, key=lambda clause: _ORDER.index(type(clause)))


def _longest_hold_ns(clause: Clause) -> int:
    """How long after its event an alert may pass a clause that compares times of events."""
    match clause:
        case Unless() if clause.wait_ns is not None:
            return clause.wait_ns + LATENESS_NS
        case Then():
            return sum(step.window_ns for step in clause.steps) + LATENESS_NS
        case Absent():
            return clause.window_ns + LATENESS_NS
        case _:
            return 0


def watches_of(
    route: Route, stages: Sequence[PlacedStage], labels: Mapping[str, str], secret: bytes
) -> Iterator[Watch]:
    """The conditions of ``then``, ``unless`` and ``with``."""
    for place, placed in enumerate(stages):
        match placed.clause:
            case Then() as clause:
                for number, step in enumerate(clause.steps):
                    fields = _named(route, f"{number + 2}.")
                    yield Watch(place, number, step.condition, _other_key(step.by, labels, secret), fields)
            case Unless() as clause:
                yield Watch(place, 0, clause.condition, _other_key(clause.by, labels, secret), ())
            case With() as clause:
                fields = _named(route, f"{clause.name}.")
                yield Watch(place, 0, clause.condition, _other_key(clause.by, labels, secret), fields)
            case _:
                pass


def _named(route: Route, prefix: str) -> tuple[str, ...]:
    """The fields of a step or a join that the route's texts name."""
    texts = [text for text in (route.title, route.message) if text is not None]
    texts += [link.url for link in route.links]
    names = [slot.name for text in texts for slot in parse_template(text).slots]
    names += route.fields
    return tuple(dict.fromkeys(name.removeprefix(prefix) for name in names if name.startswith(prefix)))


def _stage(clause: Clause, held_ns: int) -> Stage:
    """``held_ns``: how long clauses before it may hold an alert."""
    match clause:
        case New():
            return NewStage(clause)
        case Unless():
            return UnlessStage(clause)
        case After():
            return AfterStage(clause, held_ns)
        case Then():
            return SequenceStage(clause, held_ns)
        case Absent():
            return AbsentStage(clause, held_ns)
        case With():
            return JoinStage(clause, held_ns)
        case Group():
            return GroupStage(clause)
        case Throttle():
            return ThrottleStage(clause)


def own_key(clause: Clause, labels: Mapping[str, str], secret: bytes, route: Route) -> KeyOf:
    """How a stage's key is read from the route's own match."""
    match clause:
        case New():
            return key_reader(clause.key_fields, labels, secret)
        case After() if clause.distinct is not None:
            return _joined([key_reader(clause.by, labels, secret), key_reader((clause.distinct,), labels, secret)])
        case Group() if route.tables:  # a digest has the alerts of one destination
            return _joined([key_reader(clause.by, labels, secret), lambda alert: _destination(route, alert, secret)])
        case After() | Absent() | Group() | Throttle():
            return key_reader(clause.by, labels, secret)
        case Then():
            return _joined([_own_key(step.by, labels, secret) for step in clause.steps])
        case Unless() | With():
            return _own_key(clause.by, labels, secret)


def _destination(route: Route, alert: Alert, secret: bytes) -> bytes:
    """The channels of an alert as a part of a key."""
    return blake2b("\n".join(route.destinations(alert.get)).encode(), key=secret, digest_size=HASH_SIZE).digest()


def _joined(readers: list[KeyOf]) -> KeyOf:
    return lambda alert: b"".join([read(alert) for read in readers])


def _own_key(by: tuple[Pair, ...], labels: Mapping[str, str], secret: bytes) -> KeyOf:
    return key_reader(tuple(pair.own for pair in by), labels, secret)


def _other_key(by: tuple[Pair, ...], labels: Mapping[str, str], secret: bytes) -> KeyOf:
    return key_reader(tuple(pair.other for pair in by), labels, secret)
