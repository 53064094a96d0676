"""The inspected parts of a bridge, with values that a test sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.daemon.reload.reload import ReloadOutcome
from bridge.journal.opening import open_to_write
from bridge.operator.inspector import Inspector
from bridge.pipeline.controls.incidents import RunningIncidents
from bridge.pipeline.controls.silences import RunningSilences
from bridge.pipeline.counts import Counts
from bridge.pipeline.intake import Intake
from bridge.pipeline.nodes import Nodes
from bridge.pipeline.shadow.shadow import Shadow
from bridge.routing.memory_usage import ClauseUsage
from bridge.routing.router import Router
from bridge.sources.contract import SourceState
from tests.support.builders import program_of


@dataclass
class IntakeState:
    counts: Counts = field(default_factory=Counts)
    nodes: Nodes = field(default_factory=Nodes)
    blocked: str = ""
    shadow: Shadow = field(default_factory=lambda: Shadow(lambda: False))
    usages: tuple[ClauseUsage, ...] = ()

    def memory_usage(self) -> tuple[ClauseUsage, ...]:
        return self.usages


@dataclass
class CourierState:
    restarts: int = 0
    is_used: bool = True
    pid: int | None = 4711


@dataclass
class OneSource:
    states: tuple[SourceState, ...] = ()
    name: str = "source"

    def run(self, accept: object) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def cancel(self) -> int:
        raise NotImplementedError

    def state(self) -> tuple[SourceState, ...]:
        return self.states


def an_inspector(
    journal: Path, channels: Sequence[str] = (), *, intake: IntakeState | None = None, sources: Sequence[SourceState] = (),
    courier: CourierState | None = None,
) -> Inspector:  # fmt: skip
    """An inspector of a bridge with that journal."""
    return Inspector(journal, channels, intake or IntakeState(), [OneSource(tuple(sources))], courier or CourierState())


def controls_of(path: Path) -> tuple[RunningSilences, RunningIncidents]:
    """Silences and incidents of a bridge with that journal, whose only route sends everything to ``a``."""
    journal = open_to_write(path)
    router = Router(program_of('route "r" { to a }'), {})
    intake = Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None)
    return RunningSilences(intake, journal.memory, path, {}), RunningIncidents(intake)


@dataclass
class NoReload:
    """A bridge whose files are in use."""

    problem: str = ""
    since_ns: int = 0
    waits: bool = False
    last_success_ns: int = 1_000_000_000
    last_forgotten: tuple[str, ...] = ()

    def reload(self, cause: str) -> ReloadOutcome:
        return ReloadOutcome(True, f"cause: {cause}")
