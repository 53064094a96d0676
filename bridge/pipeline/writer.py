"""Stores what intake decided: waits while the journal is busy, and quarantines what is the cause of a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec
import structlog
from msgspec.structs import replace

from bridge.alert import Alert
from bridge.alert.forms.falco_json import falco_json
from bridge.alert.rejected import RejectedMessage
from bridge.common.clocks.clock import Clock
from bridge.journal import JournalBusyError, JournalError
from bridge.journal.busy import retry_while_busy
from bridge.journal.protocols import AlertLog
from bridge.journal.records import NO_MEMORY
from bridge.pipeline.alert_traces import AlertTraces
from bridge.pipeline.tally import Tally
from bridge.pipeline.writes import Write, unstorable
from bridge.sources.contract import Aborted, Batch

_BUSY_WAIT_SECONDS = 1.0

_Result = TypeVar("_Result")


class Writer:
    """Writes to the log of alerts, and counts what it wrote. Called by one thread at a time."""

    def __init__(
        self,
        alerts: AlertLog,
        *,
        clock: Clock,
        redact_raw: Callable[[bytes], bytes],
        on_fault: Callable[[JournalError], None],
    ) -> None:
        """``redact_raw`` removes secrets of a quarantined message.

        ``on_fault`` is called when the journal fails for good.
        """
        self._alerts = alerts
        self._redact_raw = redact_raw
        self._on_fault = on_fault
        self._aborted = threading.Event()
        self._log = structlog.get_logger("intake")
        self.tally = Tally()
        self.traces = AlertTraces(clock=clock)
        """Traces of what is committed. Off until it is given settings."""
        self.blocked = ""
        """Why the journal accepts no writes at present; empty while it does."""

    def abort(self) -> None:
        """Stop waiting for the disk: the deadline for stopping has been reached."""
        self._aborted.set()

    def store(self, write: Write, batch: Batch) -> int:
        """Store it. If the journal cannot, an entry that is the cause is quarantined, and the others are stored.

        Returns how many deliveries were added. Raises Aborted if the bridge stops before.
        """
        started = time.perf_counter()
        try:
            deliveries, seconds = self.retrying(lambda: self._append(write), batch)
        except Aborted:
            raise
        except Exception as error:
            if parts := write.parts():
                return sum([self.store(part, batch) for part in parts])
            if write.entries:
                cause = self._rejected(write.entries[0].alert, error, write.source_name)
            elif write.memory != NO_MEMORY:
                self._log.error("state or notification not stored after an internal error", exc_info=error)
                cause = unstorable(write.memory, error)
            else:
                raise
            bare = replace(write, entries=(), memory=NO_MEMORY, rejected=(*write.rejected, cause))
            return self.store(bare, batch)
        self.tally.add(write, seconds)
        self.traces.committed(write, time.perf_counter() - started)
        return deliveries

    def isolating(
        self,
        alerts: Sequence[Alert],
        action: Callable[[Alert], _Result],
        source_name: str,
        rejected: list[RejectedMessage],
    ) -> list[_Result]:
        """The results of the action. An alert for which it fails is added to ``rejected`` instead.

        The other alerts are accepted. Otherwise a source that reads the same batch again would never get past it, and
        gRPC and http deliver an alert only once.
        """
        results: list[_Result] = []
        for alert in alerts:
            try:
                results.append(action(alert))
            except Exception as error:  # noqa: BLE001  # any fault concerns this alert only
                rejected.append(self._rejected(alert, error, source_name))
        return results

    def retrying(self, action: Callable[[], _Result], batch: Batch) -> _Result:
        """The result of the action, which is retried while the journal is busy. Raises Aborted if the bridge stops."""
        try:
            try:
                result = action()
            except JournalBusyError as error:
                self._block(batch, error)
                if not self._wait():
                    raise
                result = retry_while_busy(action, partial(self._block, batch), self._wait)
        except JournalBusyError as error:
            raise Aborted(batch.source_name) from error
        except JournalError as error:
            self._on_fault(error)
            raise Aborted(batch.source_name) from error
        if self.blocked:
            self.blocked = ""
            self._log.info("journal unblocked")
        return result

    def _append(self, write: Write) -> tuple[int, float]:
        """How many deliveries were added, and how many seconds it took to decide and to store."""
        started = time.perf_counter()
        deliveries = self._alerts.append(
            write.source_name, write.received_ns, write.entries, write.rejected, write.checkpoint, write.memory
        )
        return deliveries, write.decided_in + time.perf_counter() - started

    def _block(self, batch: Batch, error: JournalBusyError) -> None:
        if not self.blocked:
            self._log.error("journal blocked", problem=str(error), alerts=len(batch.alerts))
        self.blocked = str(error)

    def _wait(self) -> bool:
        """Wait before the next try. False once intake is aborted."""
        return not self._aborted.wait(_BUSY_WAIT_SECONDS)

    def _rejected(self, alert: Alert, error: Exception, source_name: str) -> RejectedMessage:
        self._log.error(
            "alert quarantined after an internal error", source_name=source_name,
            remedy="run `falco-bridge quarantine list` to see it, and report the error", exc_info=error,
        )  # fmt: skip
        reason = f"internal error of the bridge ({type(error).__name__}); its log has the details"
        return RejectedMessage(reason, self._redact_raw(_as_json(alert)))


def _as_json(alert: Alert) -> bytes:
    try:
        return msgspec.json.encode(falco_json(alert))
    except Exception:  # noqa: BLE001  # this may be the error that rejected the alert
        return ascii(alert).encode()
