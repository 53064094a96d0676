"""Fires the timers of clauses with memory, in a thread of its own, between two batches."""

from __future__ import annotations

import structlog

from bridge.common.clock import SYSTEM_CLOCK, Clock
from bridge.journal.protocols import Memory
from bridge.language.program.clauses import canonical_text
from bridge.pipeline.background import Background
from bridge.pipeline.intake import Intake
from bridge.routing.state import State
from bridge.sources.contract import Aborted

_CHECK_SECONDS = 0.2
"""How often due timers are looked for: an alert may set one earlier than all others."""
_FAULT_SECONDS = 5.0
_TIMERS_PER_STEP = 300
"""So few that an alert that is received meanwhile waits for milliseconds."""


class Timers(Background):
    """Runs until it is closed. Timers that are due then fire after the next start."""

    def __init__(self, intake: Intake, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__("timers")
        self._clock = clock
        self._intake = intake
        self._log = structlog.get_logger("timers")

    def _run(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            try:
                while not self._stop.is_set() and self._is_due():
                    self._intake.fire_timers(self._clock.wall_ns(), _TIMERS_PER_STEP)
            except Aborted:
                return
            except Exception:  # noqa: BLE001  # the thread must not end
                self._log.exception("timers failed", again_seconds=_FAULT_SECONDS)
                self._stop.wait(_FAULT_SECONDS)

    def _is_due(self) -> bool:
        due_ns = self._intake.next_timer()
        return due_ns is not None and due_ns <= self._clock.wall_ns()


def load_state(memory: Memory) -> State:
    """The stored state of all clauses.

    An earlier version may have stored that of a clause under another spelling of its durations.
    """
    state = State()
    for row in memory.load():
        state.load(row.clause, row.key, row.row, row.due_ns)
    for clause in list(state.tables):
        route, _, text = clause.rpartition("\n")
        if (canonical := f"{route}\n{canonical_text(text)}") != clause:
            state.rename(clause, canonical)
    return state
