"""Which rows of a journal retention no longer covers: rounds in short steps. The engines write."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, NamedTuple

from bridge.journal.retention import RetentionPolicy
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.database import Database, Reader
from bridge.journal.sql.dictionaries import train_due_dictionary
from bridge.journal.sql.order_keys import OPEN

_FEWEST_ROWS, _MOST_ROWS = 10, 1000
_FUTURE_NS = 60 * 1_000_000_000
"""A row that is this far ahead of the clock was stored before the clock was set back."""
_LATEST = "SELECT coalesce((SELECT received_ns FROM alerts ORDER BY seq DESC LIMIT 1), 0)"
_ALERTS = (
    "SELECT seq, received_ns FROM alerts WHERE seq > ? AND seq < (SELECT max(seq) FROM alerts) ORDER BY seq LIMIT ?"
)
_DELIVERIES = (
    f"SELECT id, state, created_ns, CASE WHEN {OPEN} THEN NULL ELSE settled_ns END FROM deliveries "
    "WHERE id > ? AND id < (SELECT max(id) FROM deliveries) ORDER BY id LIMIT ?"
)


class _AlertRow(NamedTuple):
    seq: int
    received_ns: int


class _DeliveryRow(NamedTuple):
    id: int
    state: str
    created_ns: int
    settled_ns: int | None
    """None while it is pending or claimed."""


class SqlMaintenance(ABC):
    """Implements Maintenance: rounds from the oldest row to the first one that is young enough.

    The newest row of a table is never removed, so that SQLite does not reuse its number.
    """

    short_seconds: ClassVar[float]
    long_seconds: ClassVar[float]
    """After a step that took less than the first, the next one checks more rows; after one longer than this, fewer."""

    def __init__(self, database: Database, bodies: Bodies, open_reader: Callable[[], Reader]) -> None:
        """``bodies`` uses a new dictionary once it is stored. ``open_reader`` opens a connection of its own."""
        self._database = database
        self._open_reader = open_reader
        self._bodies = bodies
        self._rows = 100
        self._delivery_id = self._alert_seq = 0
        """The last rows that this round has checked."""
        self._rounds_over_size = 0
        self._removed_up_to = 0

    @property
    def over_size(self) -> bool:
        """As in Maintenance."""
        return self._rounds_over_size > 1

    @property
    def removed_up_to(self) -> int:
        """As in Maintenance. Includes alerts that were to be removed and have a delivery."""
        return self._removed_up_to

    @abstractmethod
    def used_bytes(self) -> int:
        """As in Maintenance."""

    def step(self, policy: RetentionPolicy, now_ns: int) -> bool:
        """As in Maintenance: first deliveries, then alerts."""
        started = time.monotonic()
        crowded = self.used_bytes() > policy.size
        settled_before = now_ns if crowded else now_ns - policy.deliveries_ns
        more = self._check_deliveries(settled_before, now_ns - policy.alerts_ns, now_ns)
        if crowded or not more:
            more |= self._check_alerts(now_ns if crowded else now_ns - policy.alerts_ns, now_ns)
        took = time.monotonic() - started
        if took < self.short_seconds:
            self._rows = min(self._rows * 2, _MOST_ROWS)
        elif took > self.long_seconds:
            self._rows = max(self._rows // 4, _FEWEST_ROWS)
        if not more:
            self._delivery_id = self._alert_seq = 0
            self._rounds_over_size = self._rounds_over_size + 1 if crowded else 0
        return more

    def latest_ns(self) -> int:
        """As in Maintenance."""
        return self._database.number(_LATEST)

    def prepare(self) -> Callable[[], None] | None:
        """As in Maintenance: reads on a connection of its own."""
        reader = self._open_reader()
        try:
            trained = train_due_dictionary(reader)
        finally:
            reader.close()
        return None if trained is None else partial(self._add_dictionary, *trained)

    def _check_deliveries(self, settled_before: int, died_before: int, now_ns: int) -> bool:
        rows = self._database.rows(_DeliveryRow, _DELIVERIES, (self._delivery_id, self._rows))
        ahead = [row.id for row in rows if max(row.settled_ns or 0, row.created_ns) > now_ns + _FUTURE_NS]
        expired = [
            row.id for row in rows if row.settled_ns is not None
            and row.settled_ns < (died_before if row.state == "dead" else settled_before)
        ]  # fmt: skip
        if ahead or expired:
            self._change_deliveries(ahead, expired, now_ns)
        self._delivery_id = rows[-1].id if rows else self._delivery_id
        return len(rows) == self._rows and rows[-1].created_ns < settled_before

    def _check_alerts(self, received_before: int, now_ns: int) -> bool:
        rows = self._database.rows(_AlertRow, _ALERTS, (self._alert_seq, self._rows))
        ahead = [row.seq for row in rows if row.received_ns > now_ns + _FUTURE_NS]
        expired = [row.seq for row in rows if row.received_ns < received_before]
        if ahead or expired:
            self._change_alerts(ahead, expired, now_ns)
        self._removed_up_to = max([self._removed_up_to, *expired])
        self._alert_seq = rows[-1].seq if rows else self._alert_seq
        return len(rows) == self._rows and rows[-1].received_ns < received_before

    def _add_dictionary(self, number: int, content: bytes) -> None:
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO dictionaries VALUES (?, ?)", (number, content))
        self._bodies.refresh()

    @abstractmethod
    def _change_deliveries(self, ahead: Sequence[int], expired: Sequence[int], now_ns: int) -> None:
        """Set the times of ``ahead`` back to now and delete ``expired``, unless they are open by now."""

    @abstractmethod
    def _change_alerts(self, ahead: Sequence[int], expired: Sequence[int], now_ns: int) -> None:
        """Set the times of ``ahead`` back to now and delete ``expired``, unless they have deliveries."""
