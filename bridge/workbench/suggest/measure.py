"""Measures what each suggestion would have held back: the alerts pass the routes with and without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.language.program.condition import Condition
from bridge.matching import compile_condition
from bridge.routing.comparison import Notified
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silence, Silences
from bridge.routing.virtual_run import VirtualRun
from bridge.workbench.replay.parts import OnPart, Plan, run_parts
from bridge.workbench.replay.recording import Recorded
from bridge.workbench.suggest.options import Option

SILENCE_NS = 86_400 * 1_000_000_000
"""A silence is measured over the last 24 hours."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An option that is valid, compiled."""

    option: Option
    condition: Condition
    router: Router
    """The routes with the suggestion before them; for a silence the routes alone."""


@dataclass(slots=True)
class Measured:
    """The notifications with and without an option."""

    about: int = 0
    """Those of the routes alone that are about alerts of the combination."""
    before: int = 0
    after: int = 0
    added: int = 0
    """Of those after: about alerts for which the routes alone send no notification."""

    @property
    def held_back(self) -> int:
        """How many would not have been sent."""
        return self.before - self.after


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is measured."""

    live: Router
    candidates: Sequence[Candidate]
    machines: frozenset[str]
    last_ns: int
    """The time of the latest alert."""

    @property
    def divisible(self) -> bool:
        """A throttle or a digest depends on earlier alerts."""
        return False

    def start(self) -> MeasuringRun:
        """A run without a state."""
        return MeasuringRun(self)


class _Trial:
    """One candidate beside the live routes."""

    def __init__(self, candidate: Candidate, what: Measurement) -> None:
        self.matches = compile_condition(candidate.condition, {})
        self.from_ns = 0
        silences = NO_SILENCES
        if not candidate.option.text:
            self.from_ns = what.last_ns + 1 - SILENCE_NS
            silences = Silences([Silence("suggested", candidate.condition, self.from_ns, what.last_ns + 1)], {})
        self.run = VirtualRun(candidate.router, silences)
        self.measured = Measured()


class MeasuringRun:
    """One run over all alerts.

    Where the live routes have no memory, only the alerts that an option is about are routed with it: it changes nothing
    for the others.
    """

    def __init__(self, what: Measurement) -> None:
        self._what = what
        self._live = VirtualRun(what.live)
        self._all = what.live.engine is not None
        self._trials = [_Trial(each, what) for each in what.candidates]

    def add(self, recorded: Iterable[Recorded | None]) -> None:
        """Route alerts in order."""
        for each in recorded:
            if each is None:
                continue
            alert, at_ns = each.alert, each.at_ns
            concerned = [trial for trial in self._trials if self._all or trial.matches(alert)]
            if not concerned:
                continue
            before = list(self._live.notified(self._live.steps(alert, at_ns)))
            for trial in concerned:
                after = list(trial.run.notified(trial.run.steps(alert, at_ns)))
                self._count(trial, before, after)
                if not before:
                    trial.measured.added += self._for_people(after, 0)

    def finish(self) -> list[Measured]:
        """Fire the timers that are still set. In the order of the candidates."""
        before = list(self._live.notified(self._live.finish()))
        for trial in self._trials:
            self._count(trial, before, trial.run.notified(trial.run.finish()))
        return [trial.measured for trial in self._trials]

    def _count(self, trial: _Trial, before: list[Notified], after: Iterable[Notified]) -> None:
        concerned = [each for each in before if each.alert is not None and trial.matches(each.alert)]
        trial.measured.about += self._for_people(concerned, trial.from_ns)
        trial.measured.before += self._for_people(before, trial.from_ns)
        trial.measured.after += self._for_people(after, trial.from_ns)

    def _for_people(self, notifications: Iterable[Notified], from_ns: int) -> int:
        machines = self._what.machines
        return sum(each.notification.channel not in machines and each.at_ns >= from_ns for each in notifications)


def measure(what: Measurement, plan: Plan, on_part: OnPart | None = None) -> list[Measured]:
    """Measure all candidates in one pass over the alerts. Raises AlertFileError."""
    (measured,) = run_parts(what, plan, on_part)
    return measured
