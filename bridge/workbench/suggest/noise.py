"""Counts notifications by rule, namespace, process and pod, and finds the noisiest combinations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.alert import Alert, Priority
from bridge.language.program.program import Redaction
from bridge.routing.comparison import Notified
from bridge.routing.router import Router
from bridge.routing.virtual_run import VirtualRun
from bridge.workbench.replay.parts import OnPart, Plan, run_parts
from bridge.workbench.replay.recording import Recorded

MAX_COMBINATIONS = 50_000
"""How many are counted separately. Attackers choose names of processes: further ones count for the rule alone."""
FEWEST = 5
"""A combination with fewer notifications is not noise."""
_MOST_TRIED = 20
"""Values that are tried to narrow a combination."""
_SHARES = (("namespace", 0.6), ("process", 0.6), ("pod", 0.9))
"""How much of a combination must have one value of a field for the combination to be narrowed to it.

A pod is replaced by another one sooner or later, so it must be nearly all of it.
"""


class Combination(NamedTuple):
    """The values of an alert by which noise is counted; empty where the alert has none."""

    rule: str
    namespace: str = ""
    process: str = ""
    pod: str = ""


FIELDS = {"rule": "rule", "namespace": "k8s.ns.name", "process": "proc.name", "pod": "k8s.pod.name"}
"""The field of each value."""


class Cell:
    """The notifications about one combination."""

    __slots__ = ("channels", "machines", "together", "worst")

    def __init__(self) -> None:
        self.channels: Counter[str] = Counter()
        self.together: set[frozenset[str]] = set()
        """The sets of channels that were notified of one alert."""
        self.machines: set[str] = set()
        """The channels for machines that receive its alerts, too."""
        self.worst = Priority.DEBUG

    def add(self, other: Cell) -> None:
        """Add the counts of another one."""
        self.channels.update(other.channels)
        self.together |= other.together
        self.machines |= other.machines
        self.worst = min(self.worst, other.worst)


@dataclass(slots=True)
class NoiseTally:
    """All notifications that people would have received."""

    alerts: int = 0
    no_alerts: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    cells: dict[Combination, Cell] = field(default_factory=dict)

    @property
    def notifications(self) -> int:
        """All of them."""
        return sum(cell.channels.total() for cell in self.cells.values())

    def cell(self, combination: Combination) -> Cell:
        """The cell of a combination; that of its rule where there are too many."""
        found = self.cells.get(combination)
        if found is None:
            if len(self.cells) >= MAX_COMBINATIONS:
                combination = Combination(combination.rule)
            found = self.cells.setdefault(combination, Cell())
        return found

    def merge(self, other: NoiseTally) -> None:
        """Add the counts of another part."""
        self.alerts += other.alerts
        self.no_alerts += other.no_alerts
        self.first_ns = min((each for each in (self.first_ns, other.first_ns) if each is not None), default=None)
        self.last_ns = max((each for each in (self.last_ns, other.last_ns) if each is not None), default=None)
        for combination, cell in other.cells.items():
            self.cell(combination).add(cell)


@dataclass(frozen=True, slots=True)
class Noise:
    """A noisy combination."""

    combination: Combination
    """Values that are empty may be any."""
    channels: Counter[str]
    """Notifications by channel."""
    machines: tuple[str, ...]
    """The channels for machines that receive its alerts, too."""
    worst: Priority
    """The highest priority of its alerts."""
    in_pods: bool
    """Whether its alerts have pods."""

    @property
    def notifications(self) -> int:
        """All of them."""
        return self.channels.total()

    def fields(self) -> dict[str, str]:
        """The fields with the values that its alerts have in common."""
        values = self.combination._asdict()
        return {name: values[key] for key, name in FIELDS.items() if values[key]}


@dataclass(frozen=True, slots=True)
class NoiseCount:
    """Counts the notifications of one set of routes."""

    router: Router
    redactions: tuple[Redaction, ...]
    machines: frozenset[str]
    """Channels for machines: files, log services."""

    @property
    def divisible(self) -> bool:
        """Whether parts of the alerts can be routed on their own."""
        return self.router.engine is None

    def start(self) -> NoiseRun:
        """A run without a state."""
        return NoiseRun(self)


class NoiseRun:
    """One run over some parts of the alerts."""

    def __init__(self, what: NoiseCount) -> None:
        self._what = what
        self._run = VirtualRun(what.router)
        self._masks = tuple({each.replacement for each in what.redactions if each.replacement})
        self.tally = NoiseTally()

    def add(self, recorded: Iterable[Recorded | None]) -> None:
        """Route alerts in order; None is a line that is not an alert."""
        tally = self.tally
        for each in recorded:
            if each is None:
                tally.no_alerts += 1
                continue
            tally.alerts += 1
            tally.first_ns = each.at_ns if tally.first_ns is None else min(tally.first_ns, each.at_ns)
            tally.last_ns = each.at_ns if tally.last_ns is None else max(tally.last_ns, each.at_ns)
            self._count(self._run.notified(self._run.steps(each.alert, each.at_ns)))

    def finish(self) -> NoiseTally:
        """Fire the timers that are still set."""
        self._count(self._run.notified(self._run.finish()))
        return self.tally

    def _count(self, notifications: Iterable[Notified]) -> None:
        together: dict[Combination, set[str]] = {}
        for each in notifications:
            channel = each.notification.channel
            if each.alert is None:
                continue
            combination = self._combination(self._what.router.redact(each.alert))
            cell = self.tally.cell(combination)
            if channel in self._what.machines:
                cell.machines.add(channel)
            else:
                cell.channels[channel] += 1
                cell.worst = min(cell.worst, each.alert.priority)
                if each.notification.about is None:
                    together.setdefault(combination, set()).add(channel)
        for combination, channels in together.items():
            self.tally.cell(combination).together.add(frozenset(channels))

    def _combination(self, alert: Alert) -> Combination:
        def value(name: str) -> str:
            text = alert.fields.get(name, "")
            usable = "\0" not in text and not any(mask in text for mask in self._masks)
            return text if usable else ""  # a condition on a mask, or on what follows a NUL, never holds

        return Combination(alert.rule, value("k8s.ns.name"), value("proc.name"), value("k8s.pod.name"))


def count_noise(what: NoiseCount, plan: Plan, on_part: OnPart | None = None) -> NoiseTally:
    """Count over all parts. Raises AlertFileError."""
    total = NoiseTally()
    for tally in run_parts(what, plan, on_part):
        total.merge(tally)
    return total


def noisiest(tally: NoiseTally, most: int) -> Iterator[Noise]:
    """The noisiest combinations, no alert in two of them, each as narrow as it can be without losing most of it.

    All alerts of a combination notify the same channels: what quiets them takes no channel from any of them, and gives
    none.
    """
    left = dict(tally.cells)
    while most and left:
        by_rule = _totals(left, left, "rule")
        rule = max(by_rule, key=lambda name: (by_rule[name], name))
        if by_rule[rule] < FEWEST:
            return
        of_rule = {each: cell for each, cell in tally.cells.items() if each.rule == rule}
        narrowed = _narrowed(of_rule, left, rule)
        if narrowed is None:
            left = {each: cell for each, cell in left.items() if each.rule != rule}
            continue
        cell, chosen = Cell(), _matching(of_rule, narrowed)
        for each in chosen:
            cell.add(left.pop(each))
        most -= 1
        in_pods = any(each.pod for each in chosen)
        yield Noise(narrowed, cell.channels, tuple(sorted(cell.machines)), cell.worst, in_pods)


def _narrowed(of_rule: Mapping[Combination, Cell], left: Mapping[Combination, Cell], rule: str) -> Combination | None:
    """A combination of a rule whose alerts notify the same channels; None if no narrower one does."""
    found = Combination(rule)
    for level, share in _SHARES:
        totals = _totals(left, _matching(of_rule, found), level)
        value = max(totals, key=lambda name: (totals[name], name), default="")
        if value and totals[value] >= share * totals.total():
            found = found._replace(**{level: value})
    for level in ("process", "namespace", "pod"):
        if _is_usable(of_rule, left, found):
            return found
        if not getattr(found, level):
            totals = _totals(left, _matching(of_rule, found), level)
            parts = [found._replace(**{level: value}) for value, _ in totals.most_common(_MOST_TRIED) if value]
            usable = [part for part in parts if _is_usable(of_rule, left, part)]
            found = next(iter(usable or parts), found)
    return found if _is_usable(of_rule, left, found) else None


def _matching(cells: Iterable[Combination], found: Combination) -> list[Combination]:
    """Those that meet the condition of a combination."""
    return [
        each for each in cells if all(value in {"", own} for value, own in zip(found, each, strict=True))
    ]  # fmt: skip


def _is_usable(of_rule: Mapping[Combination, Cell], left: Mapping[Combination, Cell], found: Combination) -> bool:
    """Whether all alerts notify the same channels, are enough, and are in no other combination."""
    matching = _matching(of_rule, found)
    together = {channels for each in matching for channels in of_rule[each].together}
    if len(together) != 1 or not all(each in left for each in matching):
        return False
    return sum(left[each].channels.total() for each in matching) >= FEWEST


def _totals(cells: Mapping[Combination, Cell], chosen: Iterable[Combination], level: str) -> Counter[str]:
    """The notifications of those that are in ``cells``, by the value at a level."""
    totals: Counter[str] = Counter()
    for each in chosen:
        if each in cells:
            totals[getattr(each, level)] += cells[each].channels.total()
    return totals
