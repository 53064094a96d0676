"""The incidents of a running bridge: acknowledging and resolving them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import structlog

from bridge.pipeline.controls.journal_check import check_journal
from bridge.pipeline.intake import Intake
from bridge.routing.memory.engine import IncidentRecord


class Incidents(Protocol):
    """What people acknowledge and resolve."""

    def incidents(self) -> list[IncidentRecord]:
        """As in Router."""

    def acknowledge(self, target: str, actor: str, now_ns: int, /) -> list[IncidentRecord]:
        """As in Router."""

    def resolve(self, target: str, actor: str, now_ns: int, /) -> list[IncidentRecord]:
        """As in Router."""


class RunningIncidents:
    """Callable from any thread. Everything that changes routing happens between two batches."""

    def __init__(
        self, intake: Intake, now_ns: Callable[[], int] = time.time_ns, incidents: Incidents | None = None
    ) -> None:
        """``incidents`` are those of a fleet; without, those of the intake."""
        self._intake = intake
        self._now_ns = now_ns
        self._incidents: Incidents = intake if incidents is None else incidents
        self._log = structlog.get_logger("bridge")

    def incidents(self) -> list[IncidentRecord]:
        """The incidents that are open, acknowledged or resolved lately, the latest match first. Raises JournalError."""
        check_journal(self._intake)
        return self._incidents.incidents()

    def acknowledge(self, target: str, actor: str) -> list[IncidentRecord]:
        """Acknowledge an incident by its id, or all of a route by its name. Returns those that were open.

        Raises JournalError.
        """
        check_journal(self._intake)
        found = self._incidents.acknowledge(target, actor, self._now_ns())
        self._log.info("incidents acknowledged", target=target, count=len(found), actor=actor)
        return found

    def resolve(self, target: str, actor: str) -> list[IncidentRecord]:
        """Resolve an incident by its id, or all of a route by its name. Returns those that had not ended.

        Raises JournalError.
        """
        check_journal(self._intake)
        found = self._incidents.resolve(target, actor, self._now_ns())
        self._log.info("incidents resolved", target=target, count=len(found), actor=actor)
        return found
