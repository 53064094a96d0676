"""Reads recorded alerts for clauses that run for the first time, in a thread of its own, between two batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

import structlog

from bridge.alert import Alert
from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock
from bridge.journal import JournalError
from bridge.journal.location import Location
from bridge.journal.opening import open_to_read
from bridge.journal.records import RecordedAlert
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.background import Background
from bridge.routing.memory.look_back import LookBack
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.sources.contract import Aborted

ALERTS_PER_STEP = 200
"""So few that an alert that is received meanwhile waits for milliseconds."""
_FAULT_SECONDS = 5.0
_YIELD_SECONDS = 0.002

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class LookBackReport:
    """How far it is."""

    routes: tuple[str, ...]
    read: int
    total: int


class ReplacedError(Exception):
    """The routes or the states were replaced: the look-back starts again."""


class LookBackHost(Protocol):
    """Has the state into which is looked back. Callable from any thread. Methods raise Aborted."""

    @property
    def is_busy(self) -> bool:
        """Whether it works on something that should not wait."""

    def begin_look_back(self, now_ns: int) -> LookBack | None:
        """What the clauses look back at that run for the first time; None if there are none."""

    def step_look_back(self, found: LookBack, action: Callable[[State], _Result], now_ns: int) -> _Result:
        """Run a short action on the state. Raises ReplacedError."""


class _IntakeHost:
    """The state of a single bridge."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    @property
    def is_busy(self) -> bool:
        return self._intake.is_busy

    def begin_look_back(self, now_ns: int) -> LookBack | None:
        return self._intake.change_state(lambda router, state: router.look_back(state, now_ns), now_ns)

    def step_look_back(self, found: LookBack, action: Callable[[State], _Result], now_ns: int) -> _Result:
        def run(router: Router, state: State) -> _Result:
            if router.engine is not found.engine:
                raise ReplacedError
            return action(state)

        return self._intake.change_state(run, now_ns)


class LookBackService(Background):
    """Runs until it is closed. What was interrupted starts again at the next start."""

    def __init__(
        self,
        host: Intake | LookBackHost,
        journal: Location,
        clock: Clock = SYSTEM_CLOCK,
        alerts_per_step: int = ALERTS_PER_STEP,
    ) -> None:
        super().__init__("look back")
        self._host: LookBackHost = _IntakeHost(host) if isinstance(host, Intake) else host
        self._journal = journal
        self._clock = clock
        self._per_step = alerts_per_step
        self._again = threading.Event()
        self._again.set()
        self._report: LookBackReport | None = None
        self._log = structlog.get_logger("bridge")

    def again(self) -> None:
        """The routes were replaced: some clauses may run for the first time."""
        self._again.set()

    def report(self) -> LookBackReport | None:
        """How far it is; None while no clause looks back. Callable from any thread."""
        return self._report

    def close(self) -> None:
        """Stop the thread. Returns once it has ended."""
        self._stop.set()
        self._again.set()
        super().close()

    def _run(self) -> None:
        while True:
            self._again.wait()
            if self._stop.is_set():
                return
            self._again.clear()
            try:
                self._look_back()
            except ReplacedError:
                pass
            except Aborted:
                return
            except JournalError as error:
                self._log.error("recorded alerts not read", problem=str(error), again_seconds=_FAULT_SECONDS)
                self._stop.wait(_FAULT_SECONDS)
                self._again.set()
            except Exception:
                self._again.set()
                raise
            finally:
                self._report = None

    def _look_back(self) -> None:
        now_ns = self._clock.wall_ns()
        found = self._host.begin_look_back(now_ns)
        if found is None:
            return
        try:
            read = self._read(found)
            while not self._step(found, lambda state: found.apply(state, self._clock.wall_ns(), self._per_step)):
                pass
        except (ReplacedError, Aborted, JournalError):
            raise
        except Exception:  # noqa: BLE001  # a clause that learns for ever would notify of nothing
            self._log.exception("recorded alerts not used after an internal error")
            self._step(found, found.give_up)
            return
        self._log.info("recorded alerts read", alerts=read, routes=list(self._report.routes if self._report else ()))

    def _read(self, found: LookBack) -> int:
        """Collect what the recorded alerts say. Returns how many there were."""
        journal = open_to_read(self._journal, again=True)
        try:
            numbers = journal.history.span(found.since_ns)
            routes, total, read = found.routes, journal.history.count(numbers), 0
            self._report = LookBackReport(routes, 0, total)
            recorded = journal.history.read(numbers)
            while page := list(islice(recorded, self._per_step)):
                self._step(found, partial(found.collect, alerts=_received(page)))
                read += len(page)
                self._report = LookBackReport(routes, read, total)
        finally:
            journal.close()
        return read

    def _step(self, found: LookBack, action: Callable[[State], _Result]) -> _Result:
        """Run one step between two batches, then leave as much time to the intake. Raises ReplacedError, Aborted."""
        while self._host.is_busy and not self._stop.wait(_YIELD_SECONDS):
            pass
        if self._stop.is_set():
            raise ReplacedError
        started = time.perf_counter()
        result = self._host.step_look_back(found, action, self._clock.wall_ns())
        self._stop.wait(time.perf_counter() - started)
        return result


def _received(page: Sequence[RecordedAlert]) -> list[tuple[Alert, int]]:
    return [(each.alert, each.received_ns) for each in page]
