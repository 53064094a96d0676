"""Replays recorded alerts through one set of routes, and counts what it would have sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.language.program.program import Redaction
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silences
from bridge.routing.virtual_run import VirtualRun
from bridge.workbench.replay.masks import Masks
from bridge.workbench.replay.parts import OnPart, Plan, run_parts
from bridge.workbench.replay.recording import Recorded
from bridge.workbench.replay.tally import SAMPLES, Counting, Tally, count_alert


@dataclass(frozen=True, slots=True)
class Replay:
    """What is replayed through which routes."""

    router: Router
    labels: Mapping[str, str]
    redactions: tuple[Redaction, ...] = ()
    """Those that were in use when the alerts were stored, as far as they are known."""
    silences: Silences = NO_SILENCES
    samples: int = SAMPLES

    @property
    def divisible(self) -> bool:
        """Whether parts of the alerts can be routed on their own: no route depends on earlier alerts."""
        return self.router.engine is None

    def masks(self) -> Masks:
        """The masks that may keep conditions from being judged."""
        return Masks(self.router.program, self.redactions)

    def start(self) -> ReplayRun:
        """A run without a state."""
        return ReplayRun(self)


class ReplayRun:
    """One run over some parts of the alerts."""

    def __init__(self, replay: Replay) -> None:
        self._run = VirtualRun(replay.router, replay.silences)
        self._masks = replay.masks() or None
        self._remembers = not replay.divisible
        self.tally = Tally(replay.samples)
        self._counting = Counting(self.tally, replay.router, replay.labels, self._run.latest)

    def add(self, recorded: Iterable[Recorded | None]) -> None:
        """Route alerts in order; None is a line that is not an alert."""
        tally, run, add, masks = self.tally, self._run, self._counting.add, self._masks
        for each in recorded:
            if each is None:
                tally.no_alerts += 1
                continue
            alert, at_ns = each.alert, each.at_ns
            count_alert(tally, alert, at_ns, masks)
            if self._remembers:
                for step in run.steps(alert, at_ns):
                    add(step.at_ns, step.alert, step.routed)
            else:
                add(at_ns, *run.route(alert, at_ns))

    def finish(self) -> Tally:
        """Fire the timers that are still set, so that what is held is sent."""
        for step in self._run.finish():
            self._counting.add(step.at_ns, step.alert, step.routed)
        self._counting.finish()
        return self.tally


def replay(what: Replay, plan: Plan, on_part: OnPart | None = None) -> Tally:
    """Replay all parts. Raises AlertFileError."""
    total = Tally(what.samples)
    for tally in run_parts(what, plan, on_part):
        total.merge(tally)
    return total
