"""Reload: read config, routes and secrets again."""

from __future__ import annotations

from typing import Protocol

from bridge.common.clocks.times import iso_text
from bridge.language.program.clauses import clause_label
from bridge.operator.actor import Actor
from bridge.operator.model.base import NoParameters
from bridge.operator.model.reload import ReloadResult


class ReloadReport(Protocol):
    """What a reload did, as in the daemon."""

    @property
    def applied(self) -> bool:
        """Whether the files on disk are in use now."""

    @property
    def waits(self) -> bool:
        """Whether they are loaded, and used once the other bridges of the fleet have loaded them."""

    @property
    def report(self) -> str:
        """Errors and warnings."""

    @property
    def changes(self) -> tuple[str, ...]:
        """The sources, channels and listeners that were added, changed or removed."""

    @property
    def restart(self) -> tuple[str, ...]:
        """Keys that wait for a restart."""

    @property
    def stale(self) -> tuple[str, ...]:
        """The groups of route files with errors, whose previous routes stay in use."""

    @property
    def forgotten(self) -> tuple[str, ...]:
        """Clauses whose state was removed."""


class ReloadControls(Protocol):
    """The part of the running bridge that reloads."""

    @property
    def problem(self) -> str:
        """Why the files on disk are not in use; empty while they are."""

    @property
    def since_ns(self) -> int:
        """Since when."""

    @property
    def waits(self) -> bool:
        """Whether they are loaded, and the other bridges of the fleet are what keeps them from being used."""

    @property
    def last_success_ns(self) -> int:
        """When the running config was read."""

    @property
    def last_forgotten(self) -> tuple[str, ...]:
        """Clauses whose state the last reload removed."""

    def reload(self, cause: str) -> ReloadReport:
        """Read everything again."""


def clause_name(identity: str) -> str:
    """A clause as people read it: ``route: throttle 3 per 10m``."""
    route, _, text = identity.partition("\n")
    return f"{route}: {clause_label(text)}"


def reload_problem(reloading: ReloadControls) -> str:
    """What is wrong with the files on disk and since when; empty while they are in use."""
    return f"{reloading.problem} (since {_second(reloading.since_ns)})" if reloading.problem else ""


def _second(time_ns: int) -> str:
    """``2026-11-28 18:14:53 UTC``."""
    return f"{iso_text(time_ns)[:19].replace('T', ' ')} UTC"


class ReloadOperations:
    """The operation of a running bridge. Callable from any thread."""

    def __init__(self, reloading: ReloadControls) -> None:
        self._reloading = reloading

    def reload(self, actor: Actor, _request: NoParameters) -> ReloadResult:
        """Reload in the name of the caller."""
        outcome = self._reloading.reload(f"requested by {actor.name}")
        return ReloadResult(
            applied=outcome.applied,
            waits=outcome.waits,
            kept=list(outcome.stale),
            report=outcome.report,
            changes=list(outcome.changes),
            restart=list(outcome.restart),
            forgotten=[clause_name(each) for each in outcome.forgotten],
        )
