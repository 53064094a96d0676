"""Finishes commands by time, in a thread of its own, between two batches."""

from __future__ import annotations

import structlog

from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.background import Background
from bridge.sources.contract import Aborted

_CHECK_SECONDS = 0.25
_FAULT_SECONDS = 5.0


class TerminalTicker(Background):
    """Runs until it is closed. Commands that are not finished then are finished after the next start."""

    def __init__(self, intake: Intake, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__("terminal")
        self._clock = clock
        self._intake = intake
        self._log = structlog.get_logger("terminal")

    def _run(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            try:
                self._intake.finish_commands(self._clock.wall_ns())
            except Aborted:
                return
            except Exception:  # noqa: BLE001  # the thread must not end
                self._log.exception("finishing commands failed", again_seconds=_FAULT_SECONDS)
                self._stop.wait(_FAULT_SECONDS)
