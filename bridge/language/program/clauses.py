"""The clauses with memory of a route, checked. Times are in nanoseconds.

``text`` is a clause on one line, without its condition, and with a digest of it. With the route's name it identifies
the clause's state over a reload.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.common.clocks.durations import canonical_duration
from bridge.language.program.condition import Condition


@dataclass(frozen=True, slots=True)
class Pair:
    """One field of a key that two kinds of alert share: ``k8s.pod.name = ka.target.name``."""

    own: str
    """The field of the route's own match."""
    other: str
    """The field of the alert that meets the clause's condition. Equal to ``own`` if only one is written."""


@dataclass(frozen=True, slots=True)
class New:
    """``new F, … in D [by …] [learn L]``: passes combinations that were not seen for D."""

    text: str
    fields: tuple[str, ...]
    window_ns: int
    by: tuple[str, ...] = ()
    learn_ns: int = 0

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The fields of what is remembered."""
        return (*self.by, *self.fields)


@dataclass(frozen=True, slots=True)
class After:
    """``after N [distinct F] in D [by …]``: passes the N-th match, or the N-th value of F, in a sliding window."""

    text: str
    count: int
    window_ns: int
    by: tuple[str, ...] = ()
    distinct: str | None = None


@dataclass(frozen=True, slots=True)
class SequenceStep:
    """``then [not] C within D by …``: one later step of a sequence."""

    condition: Condition
    window_ns: int
    by: tuple[Pair, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Then:
    """All ``then`` clauses of a route, in order. Only the last step may be negated."""

    text: str
    steps: tuple[SequenceStep, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """``absent D by …``: passes the last alert of a key that has been silent for D."""

    text: str
    window_ns: int
    by: tuple[str, ...]

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The fields of what is remembered."""
        return self.by


@dataclass(frozen=True, slots=True)
class Unless:
    """``unless C within D by … [wait W]``: holds an alert back if an alert that meets C was received."""

    text: str
    condition: Condition
    window_ns: int
    by: tuple[Pair, ...]
    wait_ns: int | None = None


@dataclass(frozen=True, slots=True)
class With:
    """``with NAME = C within D by … [wait W]``: joins the alert with one that meets C."""

    text: str
    name: str
    condition: Condition
    window_ns: int
    by: tuple[Pair, ...]
    wait_ns: int = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Group:
    """``group by … [wait W] [every E] [limit L]``: gathers the alerts of a key in digests."""

    text: str
    by: tuple[str, ...]
    wait_ns: int = 30_000_000_000
    every_ns: int = 300_000_000_000
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Throttle:
    """``throttle N per D [by …]``: at most N notifications in any window of D."""

    text: str
    count: int
    window_ns: int
    by: tuple[str, ...] = ()


Clause = New | After | Then | Absent | Unless | With | Group | Throttle


_DIGESTED = frozenset({"then", "unless", "with"})
"""Clauses whose ``text`` ends with a digest."""
_AMOUNTS = 5
"""The words of a ``text`` for count, window, ``learn``, ``wait`` and ``every``; ``-`` for one that is not written."""
_DEFAULTS = {"group": {1: "100", 4: "30s", 5: "5m"}, "with": {5: "10s"}}
"""What words of a ``text`` may be left out, by their place."""


def canonical_text(text: str) -> str:
    """The ``text`` of a clause, the same for all spellings of its durations: ``throttle 3 60m``, ``throttle 3 1h``.

    What is its default is left out. A ``text`` that an earlier version made becomes the one of today.
    """
    words = text.split(" ")
    last = len(words) - (words[0] in _DIGESTED)
    words[:last] = [canonical_duration(word) for word in words[:last]]
    for place, default in _DEFAULTS.get(words[0], {}).items():
        if place < last and words[place] == default:
            words[place] = "-"
    return " ".join(words)


def clause_label(text: str) -> str:
    """The ``text`` of a clause as it is written: ``throttle 3 per 10m by k8s.pod.name``; ``…`` for a condition."""
    keyword, *words = text.split(" ")
    by = words.index("by") if "by" in words else len(words) - (keyword in _DIGESTED)
    if by < _AMOUNTS:  # `then`, or the incidents of a route
        return f"{keyword} …" if keyword in _DIGESTED else text
    names = ", ".join(words[: by - _AMOUNTS])
    count, window, *options = words[by - _AMOUNTS : by]
    learn, wait, every = (
        "" if word == "-" else f" {name} {word}" for name, word in zip(("learn", "wait", "every"), options, strict=True)
    )
    keys = f" by {', '.join(words[by + 1 :])}" if words[by:] and keyword not in _DIGESTED else ""
    match keyword:
        case "new":
            rest = f" {names} in {window}{keys}{learn}"
        case "after":
            rest = f" {count}{names and f' distinct {names}'} in {window}{keys}"
        case "unless" | "with":
            rest = f" {names and f'{names} = '}… within {window} by …{wait}"
        case "throttle":
            rest = f" {count} per {window}{keys}"
        case "group":
            rest = f"{keys}{wait}{every}{'' if count == '-' else f' limit {count}'}"
        case _:
            rest = f" {window}{keys}"
    return f"{keyword}{rest}"


def own_fields(clause: Clause) -> tuple[str, ...]:
    """The fields of the route's own match that a clause reads."""
    match clause:
        case New():
            return (*clause.fields, *clause.by)
        case After():
            return clause.by if clause.distinct is None else (clause.distinct, *clause.by)
        case Absent() | Group() | Throttle():
            return clause.by
        case Then():
            return tuple(pair.own for step in clause.steps for pair in step.by)
        case Unless() | With():
            return tuple(pair.own for pair in clause.by)


def incident_fields(clauses: Sequence[Clause]) -> tuple[str, ...] | None:
    """The fields of the incident's key, of the clause that gives it; None if each alert is an incident of its own."""
    for kind in (Group, Throttle, After, Then, Absent):
        for clause in clauses:
            match clause:
                case Then() if kind is Then:
                    return tuple(dict.fromkeys(pair.own for step in clause.steps for pair in step.by))
                case Group() | Throttle() | After() | Absent() if isinstance(clause, kind):
                    return clause.by
                case _:
                    pass
    return None
