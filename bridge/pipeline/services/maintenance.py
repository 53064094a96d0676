"""Runs the journal's maintenance in a thread of its own, one short step at a time between two batches."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock, Timeline
from bridge.journal import JournalError
from bridge.journal.protocols import Maintenance
from bridge.journal.retention import RetentionPolicy
from bridge.pipeline.doubted_time import DoubtedTime
from bridge.pipeline.services.background import Background

_ROUND_SECONDS = 5.0
_PAUSE_SECONDS = 0.05
"""Between two steps of a round, so that the intake has the journal for most of the time."""
_WHY = "the rest is not delivered yet, or dead letters"
_REMEDY = "see `falco-bridge channels` and `falco-bridge dead list`, or raise the limit"


class JournalMaintenance(Background):
    """Removes what the retention policy no longer covers, until it is closed."""

    def __init__(
        self,
        maintenance: Maintenance,
        between_batches: Callable[[Callable[[], bool]], bool],
        policy: RetentionPolicy,
        clock: Clock = SYSTEM_CLOCK,
        on_removed: Callable[[int], None] = lambda _number: None,
        on_duty: Callable[[], bool] = lambda: True,
        first_number: Callable[[], int] = lambda: 1,
    ) -> None:
        """``maintenance`` belongs to the journal that the intake writes to; ``between_batches`` is the intake's.

        ``on_removed`` is called with the greatest number of an alert that was removed. Rounds in which ``on_duty`` is
        False are left to another bridge; ``first_number`` of the journal then says what that one has removed.
        """
        super().__init__("journal maintenance")
        self._maintenance = maintenance
        self._between_batches = between_batches
        self._policy = policy
        self._doubted = DoubtedTime(Timeline(clock), maintenance.latest_ns())
        self._on_removed = on_removed
        self._on_duty = on_duty
        self._first_number = first_number
        self._reported = False
        self._log = structlog.get_logger("journal")

    def use(self, policy: RetentionPolicy) -> None:
        """Keep to another policy from the next step on."""
        self._policy = policy

    def _run(self) -> None:
        while not self._stop.wait(_ROUND_SECONDS):
            try:
                if not self._on_duty():
                    self._between_batches(self._follow_others)
                    continue
                self._prepare()
                while self._between_batches(self._step):
                    self._on_removed(self._maintenance.removed_up_to)
                    if self._stop.wait(_PAUSE_SECONDS):
                        return
            except JournalError as error:  # the intake meets it too, and acts on it
                self._log.warning("maintenance postponed", problem=str(error))
            else:
                self._on_removed(self._maintenance.removed_up_to)
                self._report()

    def _step(self) -> bool:
        if self._stop.is_set():
            return False
        now_ns, doubted_ns = self._doubted.check()
        return self._maintenance.step(self._policy.extended(doubted_ns), now_ns)

    def _follow_others(self) -> bool:
        if not self._stop.is_set():
            self._on_removed(self._first_number() - 1)
        return False

    def _prepare(self) -> None:
        complete = self._maintenance.prepare()
        if complete is not None:
            self._between_batches(lambda: self._complete(complete))

    def _complete(self, complete: Callable[[], None]) -> bool:
        if not self._stop.is_set():
            complete()
        return False

    def _report(self) -> None:
        over_size = self._maintenance.over_size
        if over_size and not self._reported:
            self._log.warning(
                "the journal is larger than journal.retention.size", bytes=self._policy.size, why=_WHY, remedy=_REMEDY
            )
        self._reported = over_size
