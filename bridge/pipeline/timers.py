"""Fires the timers of clauses with memory, in a thread of its own, between two batches."""

from __future__ import annotations

import threading

import structlog

from bridge.common.clock import SYSTEM_CLOCK, Clock
from bridge.journal.protocols import Memory
from bridge.pipeline.intake import Intake
from bridge.routing.state import State
from bridge.sources.contract import Aborted

_CHECK_SECONDS = 0.2
"""How often due timers are looked for: an alert may set one earlier than all others."""
_TIMERS_PER_STEP = 200
"""So few that an alert that is received meanwhile waits for milliseconds."""


class Timers:
    """Runs until it is closed."""

    def __init__(self, intake: Intake, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._intake = intake
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
        self._log = structlog.get_logger("timers")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; no timer fires after this. Those that are due fire after the next start."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            try:
                while not self._stop.is_set() and self._is_due():
                    self._intake.fire_timers(self._clock.wall_ns(), _TIMERS_PER_STEP)
            except Aborted:
                return
            except Exception:  # noqa: BLE001  # a fault of one timer must not end the others
                self._log.exception("timers failed; trying again")

    def _is_due(self) -> bool:
        due_ns = self._intake.next_timer()
        return due_ns is not None and due_ns <= self._clock.wall_ns()


def load_state(memory: Memory) -> State:
    """The stored state of all clauses."""
    state = State()
    for row in memory.load():
        state.load(row.clause, row.key, row.row, row.due_ns)
    return state
