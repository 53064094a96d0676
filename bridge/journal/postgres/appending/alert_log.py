"""Appends batches of alerts with their deliveries, in PostgreSQL, by one statement.

Numbers come from one row of the database, which a transaction locks until it is committed: numbers have no gaps, and
their order is that of the commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import psycopg

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage
from bridge.journal.codec import encode_decisions, encode_notification
from bridge.journal.errors import JournalError
from bridge.journal.members import SOURCE, file_lease
from bridge.journal.postgres.appending.new_deliveries import (
    ALERT_BYTES,
    DELIVERY_BYTES,
    NewDelivery,
    about_others,
    size_of,
)
from bridge.journal.postgres.appending.numbering import NewRows, store
from bridge.journal.postgres.database import Database, Statements, storable
from bridge.journal.records import NO_MEMORY, MemoryWrite
from bridge.journal.sql.appending import (
    QUARANTINE_ROWS,
    fresh_entries,
    move_checkpoint,
    quarantine_rows,
    read_checkpoint,
)
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.order_keys import order_key
from bridge.journal.sql.state_log import StateLog
from bridge.routing import Entry, Notification

_ATTEMPTS = 5
_READER = "SELECT member FROM leases WHERE kind = ? AND name = ? FOR KEY SHARE"


class PostgresAlertLog:
    """Implements AlertLog. The journal has one router; the courier may append beside it."""

    def __init__(self, database: Database, bodies: Bodies, member: str = "") -> None:
        """``member`` is the id of a router that is a member of a fleet."""
        self._member = member
        self._database = database
        self._bodies = bodies
        self._state = StateLog()

    def unknown(self, alerts: Iterable[Alert]) -> list[Alert]:
        """As in AlertLog."""
        fresh: dict[str, Alert] = {}
        for alert in alerts:
            fresh.setdefault(alert.id, alert)
        for known in self._known(list(fresh)):
            del fresh[known]
        return list(fresh.values())

    def append(
        self,
        source_name: str,
        received_ns: int,
        entries: Sequence[Entry],
        rejected: Sequence[RejectedMessage] = (),
        checkpoint: Mapping[str, str | None] | None = None,
        memory: MemoryWrite = NO_MEMORY,
    ) -> int:
        """As in AlertLog. Known ids are looked for only where storing the batch fails because of one."""
        call = (entries, rejected, checkpoint, memory)
        fresh = entries
        for _ in range(_ATTEMPTS):
            batch = _Batch(source_name, received_ns, fresh, rejected, checkpoint or {}, memory)
            try:
                return self._database.run(call, lambda statements, batch=batch: self._append(statements, batch))  # type: ignore[misc]
            except JournalError as error:
                if not isinstance(error.__cause__, psycopg.errors.UniqueViolation):
                    raise
                failure = error
            fresh = fresh_entries(entries, self._known)
        raise failure

    def checkpoint(self, source_name: str) -> dict[str, str]:
        """As in AlertLog."""
        return read_checkpoint(self._database, source_name)

    def _append(self, statements: Statements, batch: _Batch) -> int:
        alerts, deliveries, size = self._encoded(batch.entries)
        places = {entry.alert.id: at for at, entry in enumerate(batch.entries)}
        here, earlier = about_others(statements, _about_others(batch), places)
        deliveries += here
        size += size_of(here)
        if not batch.checkpoint or self._is_reader(statements, batch.source_name):
            if batch.rejected:
                _quarantine(statements, batch)
            move_checkpoint(statements, batch.source_name, batch.checkpoint)
        count = 0
        if alerts or earlier:
            matches = [(at, *match) for at, entry in enumerate(batch.entries) for match in entry.matches]
            rows = NewRows(alerts, deliveries, earlier, matches)
            count = store(statements, batch.source_name, batch.received_ns, rows, size + size_of(earlier))
        if batch.memory.changes:
            self._state.write(statements, batch.memory.changes)
        return count

    def _is_reader(self, statements: Statements, source_name: str) -> bool:
        """Whether no other bridge has taken over the source, nor does before the transaction ends.

        This one may have been frozen since it read. The other one has read on from the checkpoint, and has stored what
        was rejected; alerts are known by their ids.
        """
        if not self._member:
            return True
        found = statements.execute(_READER, (SOURCE, file_lease(source_name))).fetchone()
        return found is None or found[0] in {"", self._member}

    def _encoded(self, entries: Sequence[Entry]) -> tuple[list[tuple[bytes, bytes, bytes]], list[NewDelivery], int]:
        """Alerts, deliveries with the places of these instead of numbers, and how many bytes they take."""
        alerts: list[tuple[bytes, bytes, bytes]] = []
        deliveries: list[NewDelivery] = []
        encoded: dict[Notification, tuple[int | None, bytes]] = {}
        size = 0
        for at, entry in enumerate(entries):
            alert = entry.alert
            body, decisions = self._bodies.encode(alert), encode_decisions(entry.routed.decisions)
            alerts.append((bytes.fromhex(alert.id), body, decisions))
            size += ALERT_BYTES + len(body) + len(decisions)
            for notification in entry.routed.notifications:
                if notification.about is not None:
                    continue
                if notification.context is not None:  # no two are alike
                    known = order_key(notification), encode_notification(notification)
                elif notification in encoded:
                    known = encoded[notification]
                else:
                    known = encoded[notification] = (order_key(notification), encode_notification(notification))
                deliveries.append((at, notification.channel, *known, notification.channel in entry.awaited))
                size += DELIVERY_BYTES + len(known[1])
        return alerts, deliveries, size

    def _known(self, ids: Sequence[str]) -> Iterator[str]:
        """Those of the ids that are stored."""
        if ids:
            wanted = [bytes.fromhex(alert_id) for alert_id in ids]
            for known in self._database.rows(bytes, "SELECT id FROM alerts WHERE id = ANY(?)", (wanted,)):
                yield known.hex()


class _Batch(NamedTuple):
    source_name: str
    received_ns: int
    entries: Sequence[Entry]
    rejected: Sequence[RejectedMessage]
    checkpoint: Mapping[str, str | None]
    memory: MemoryWrite


def _about_others(batch: _Batch) -> list[Notification]:
    """The notifications that are about other alerts than the one that caused them."""
    of_batch = [each for entry in batch.entries for each in entry.routed.notifications if each.about is not None]
    return [*of_batch, *batch.memory.notifications]


def _quarantine(statements: Statements, batch: _Batch) -> None:
    rows = [
        (received_ns, source_name, storable(reason), raw)
        for received_ns, source_name, reason, raw in quarantine_rows(
            batch.source_name, batch.received_ns, batch.rejected
        )
    ]
    statements.copy(
        "quarantine", ("received_ns", "source_name", "reason", "raw"), ("int8", "text", "text", "bytea"), rows
    )
    statements.execute(
        "DELETE FROM quarantine WHERE seq < (SELECT min(seq) FROM "
        f"(SELECT seq FROM quarantine ORDER BY seq DESC LIMIT {QUARANTINE_ROWS}) AS newest)"
    )
