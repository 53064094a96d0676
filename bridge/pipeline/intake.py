"""Where every source's batches come together: match, decide, keep, and only then return to the source."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import structlog

from bridge.alert import Alert
from bridge.alert.forms.falco_json import falco_json
from bridge.alert.rejected import RejectedMessage
from bridge.common.fair_lock import FairLock
from bridge.journal import JournalBusyError, JournalError
from bridge.journal.sqlite import Entry, Journal
from bridge.language.falco.text_alerts import NO_RULES, TextAlerts
from bridge.language.program.program import Program
from bridge.matching import Matcher
from bridge.pipeline.counts import Counts
from bridge.pipeline.nodes import Nodes
from bridge.routing import decide
from bridge.routing.redaction import Redactor
from bridge.sources.contract import Aborted, Batch

_BUSY_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """A checked program and the matcher compiled from it; swapped as one."""

    program: Program
    matcher: Matcher
    redactor: Redactor
    texts: TextAlerts = NO_RULES
    """What Falco's own rules, where they are imported, tell of text alerts."""


@dataclass(slots=True)
class Tally:
    """What came in since the start."""

    alerts: int = 0
    repeated: int = 0
    """Alerts that were kept already: a retried POST, or a second road."""
    refused: int = 0
    deliveries: int = 0


class Intake:
    """Takes batches from all sources, one at a time."""

    def __init__(
        self,
        journal: Journal,
        rules: Rules,
        *,
        on_deliveries: Callable[[], None],
        on_fault: Callable[[JournalError], None],
    ) -> None:
        """``on_deliveries`` wakes the courier; ``on_fault`` hears of a journal that cannot go on."""
        self._journal = journal
        self._rules = rules
        self._on_deliveries = on_deliveries
        self._on_fault = on_fault
        self._turns = FairLock()
        self._leaving = threading.Event()
        self._log = structlog.get_logger("intake")
        self.tally = Tally()
        self.counts = Counts()
        self.nodes = Nodes()
        self.blocked = ""
        """Why the journal takes no writes just now."""

    def accept(self, batch: Batch) -> None:
        """Keep the batch and all that follows from it; returns once it is on the disk.

        Waits while the disk is full. Raises Aborted where the bridge leaves before the batch could be kept.
        """
        with self._turns:
            added = self._taken(batch)
        if added:
            self._on_deliveries()

    def between_batches(self, action: Callable[[], bool]) -> bool:
        """Do something with the journal while no batch does; it must be short. Returns what it returns."""
        with self._turns:
            return action()

    def leave(self) -> None:
        """The drain deadline has come: stop waiting for the disk."""
        self._leaving.set()

    def _taken(self, batch: Batch) -> int:
        """Keep it. An alert that is too much for us is kept aside by itself.

        A source that came back with the same batch for ever would bring nothing else, and what Falco gave by gRPC or
        http it does not give twice.
        """
        try:
            return self._kept(batch)
        except Aborted:
            raise
        except Exception as error:
            if not batch.alerts:
                raise
            if len(batch.alerts) == 1:
                return self._kept(self._aside(batch, error))
        half = len(batch.alerts) // 2
        # The checkpoint holds only once the second half is kept as well.
        first = replace(batch, alerts=batch.alerts[:half], rejected=(), checkpoint={})
        return self._taken(first) + self._taken(replace(batch, alerts=batch.alerts[half:]))

    def _aside(self, batch: Batch, error: Exception) -> Batch:
        (alert,) = batch.alerts
        self._log.error(
            "a fault of the bridge: an alert could not be taken in, and is kept aside", source=batch.source_name,
            remedy="falco-bridge quarantine list shows it; please report the fault", exc_info=error,
        )  # fmt: skip
        reason = f"could not be taken in by a fault of the bridge ({type(error).__name__}), which is in its log"
        return replace(batch, alerts=(), rejected=(*batch.rejected, RejectedMessage(reason, _written(alert))))

    def _kept(self, batch: Batch) -> int:
        blocked = False
        while True:
            try:
                added = self._keep(batch)
            except JournalBusyError as error:
                if not blocked:
                    blocked = True
                    self.blocked = str(error)
                    self._log.error("journal blocked", problem=str(error), held_back=len(batch.alerts))
                if self._leaving.wait(_BUSY_WAIT_SECONDS):
                    raise Aborted(batch.source_name) from error
            except JournalError as error:
                self._on_fault(error)
                raise Aborted(batch.source_name) from error
            else:
                if blocked:
                    self.blocked = ""
                    self._log.info("journal takes writes again")
                return added

    def _keep(self, batch: Batch) -> int:
        begun = time.perf_counter()
        rules = self._rules
        fresh = self._journal.unknown(rules.texts.completed(alert) for alert in batch.alerts)
        match, redactor, now_ns = rules.matcher.match, rules.redactor, batch.received_ns
        entries = [Entry(redactor.alert(alert), decide(rules.program, match(alert, now_ns), alert)) for alert in fresh]
        refused = [RejectedMessage(each.reason, redactor.raw(each.raw)) for each in batch.rejected]
        added = self._journal.append(batch.source_name, batch.received_ns, entries, refused, batch.checkpoint)
        self.counts.kept(batch, entries, time.perf_counter() - begun)
        self.nodes.kept(batch, entries)
        tally = self.tally
        tally.alerts += len(fresh)
        tally.repeated += len(batch.alerts) - len(fresh)
        tally.refused += len(refused)
        tally.deliveries += added
        return added


def _written(alert: Alert) -> bytes:
    try:
        return msgspec.json.encode(falco_json(alert))
    except Exception:  # noqa: BLE001  # it may be the very fault
        return ascii(alert).encode()
