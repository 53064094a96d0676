"""Fires the timers of clauses with memory, in a thread of its own, between two batches."""

from __future__ import annotations

import time
from math import inf

import structlog

from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock
from bridge.journal.protocols import Memory
from bridge.language.program.clauses import canonical_text
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.background import Background
from bridge.routing.state import State
from bridge.sources.contract import Aborted

_CHECK_SECONDS = 0.2
"""How often due timers are looked for: an alert may set one earlier than all others."""
_SHORTEST_SECONDS = 0.05
"""How soon they are looked for again where the next one is due earlier: many of them fire in one step."""
_FAULT_SECONDS = 5.0
_MOST_TIMERS = 300
_FEWEST_TIMERS = 20
"""How many timers a step fires."""
_STEP_SECONDS = 0.01
"""CPU time of a step. An alert that is received meanwhile waits for it."""

_YIELD_SECONDS = 0.001


class Timers(Background):
    """Runs until it is closed. Timers that are due then fire after the next start."""

    def __init__(self, intake: Intake, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__("timers")
        self._clock = clock
        self._intake = intake
        self._limit = _MOST_TIMERS
        """How many timers the next step fires."""
        self._log = structlog.get_logger("timers")

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = _CHECK_SECONDS
            try:
                while not self._stop.is_set() and (seconds := self._seconds_until_due()) <= 0:
                    self._step()
                pause = min(max(seconds, _SHORTEST_SECONDS), _CHECK_SECONDS)
            except Aborted:
                return
            except Exception:  # noqa: BLE001  # the thread must not end
                self._log.exception("timers failed", again_seconds=_FAULT_SECONDS)
                self._stop.wait(_FAULT_SECONDS)

    def _step(self) -> None:
        """Fire some timers. Alerts that waited meanwhile come before the next step, for as long as this one took.

        Otherwise a step would come between any two batches, and a source that reads a batch every 20 ms would fall
        behind where a step takes longer than that.
        """
        started, cpu = time.monotonic(), time.thread_time()
        self._intake.fire_timers(self._clock.wall_ns(), self._limit)
        spent = max(time.thread_time() - cpu, 1e-6)
        self._limit = min(max(int(self._limit * _STEP_SECONDS / spent), _FEWEST_TIMERS), _MOST_TIMERS)
        until = 2 * time.monotonic() - started
        while self._intake.is_busy and time.monotonic() < until and not self._stop.wait(_YIELD_SECONDS):
            pass

    def _seconds_until_due(self) -> float:
        due_ns = self._intake.next_timer()
        return inf if due_ns is None else (due_ns - self._clock.wall_ns()) / 1e9


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
