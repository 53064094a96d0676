"""The journal in SQLite: the only thing between the router, which appends, and the courier, which delivers.

Each method is one transaction. The router and the courier open the file on their own; WAL lets them read while the
other writes, and both keep their write transactions short.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bridge.alert import Alert
from bridge.journal.codec import (
    decode_alert,
    decode_notification,
    encode_alert,
    encode_decisions,
    encode_notification,
)
from bridge.journal.errors import JournalError
from bridge.journal.lock import FileLock
from bridge.journal.model import Delivery, DeliveryState, Settlement
from bridge.journal.schema import connect, connect_to_read, explain
from bridge.routing import Notification, Routed

QUARANTINE_ROWS = 1000
"""How many refused messages are kept; the oldest go first."""
_QUARANTINE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert and everything that was decided of it."""

    alert: Alert
    routed: Routed


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that were not an alert, with the reason."""

    reason: str
    raw: bytes


class Journal:
    """One connection to the journal's file. Methods raise JournalError; JournalBusyError where waiting may help."""

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: FileLock | None) -> None:
        self._connection = connection
        self._path = path
        self._lock = lock
        self._next_alert = self._scalar("SELECT coalesce(max(seq), 0) + 1 FROM alerts")

    @classmethod
    def open(cls, path: Path) -> Self:
        """A connection for the courier. Raises JournalError."""
        return cls(connect(path), path, None)

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """A connection for a look, beside a bridge that runs or not. Raises JournalError."""
        return cls(connect_to_read(path), path, None)

    @classmethod
    def open_for_router(cls, path: Path) -> Self:
        """The one connection that appends. Raises JournalError where another bridge has the journal."""
        lock = FileLock(path.with_name(path.name + ".lock")) if path.parent.is_dir() else None
        if lock is not None and not lock.try_acquire():
            raise JournalError(
                f"another falco-bridge (process {lock.owner()}) is using the journal {path}; "
                "stop it, or give this one a journal.path of its own"
            )
        try:
            return cls(connect(path), path, lock)
        except JournalError:
            if lock is not None:
                lock.release()
            raise

    def close(self) -> None:
        """Let go of the file and its lock."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    # The router's half

    def unknown(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Those alerts that are not kept yet, each once: a repeated POST or a second road brings the same id."""
        fresh: dict[str, Alert] = {}
        with self._explained():
            for alert in alerts:
                if alert.id not in fresh and not self._knows(alert.id):
                    fresh[alert.id] = alert
        return list(fresh.values())

    def append(
        self,
        road: str,
        received_ns: int,
        entries: Sequence[Entry],
        refused: Sequence[Refused] = (),
        checkpoint: str | None = None,
    ) -> int:
        """Keep a batch, all or nothing, and return once it is on the disk.

        ``road`` is the source's name. Returns how many deliveries were added.
        """
        first = self._next_alert
        alerts, deliveries = _rows(road, received_ns, entries, first)
        with self._transaction():
            self._connection.executemany("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?)", alerts)
            self._connection.executemany(
                "INSERT INTO deliveries (alert, channel, notification, state, due_ns, created_ns) "
                "VALUES (?, ?, ?, 'pending', ?, ?)",
                deliveries,
            )
            if refused:
                self._set_aside(road, received_ns, refused)
            if checkpoint is not None:
                self._connection.execute(
                    "INSERT INTO checkpoints VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET position = excluded.position, updated_ns = excluded.updated_ns",
                    (road, checkpoint, received_ns),
                )
        self._next_alert = first + len(entries)
        return len(deliveries)

    def checkpoint(self, source: str) -> str | None:
        """Where the source has to read on, if it has a position."""
        with self._explained():
            row = self._connection.execute("SELECT position FROM checkpoints WHERE source = ?", (source,)).fetchone()
        return None if row is None else str(row[0])

    # The courier's half

    def claim(self, now_ns: int, lease_ns: int, room: Mapping[str, int]) -> list[Delivery]:
        """Take deliveries that are due, oldest first, up to ``room`` for each channel.

        They are this caller's until ``now_ns + lease_ns``; one not settled by then may be claimed again.
        """
        claimed: list[Delivery] = []
        if not any(
            self._has_due(channel, now_ns) for channel, places in room.items() if places > 0
        ):  # an idle look must not take the write lock
            return claimed
        with self._transaction():
            for channel, places in room.items():
                rows = self._due(channel, now_ns, places)
                claimed += [_delivery(row) for row in rows]
                self._connection.executemany(
                    "UPDATE deliveries SET state = 'claimed', due_ns = ? WHERE id = ?",
                    [(now_ns + lease_ns, row[0]) for row in rows],
                )
        return claimed

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write down what became of attempts. A delivery that is settled already stays as it is."""
        if not settlements:
            return
        with self._transaction():
            self._connection.executemany(
                "UPDATE deliveries SET state = ?, due_ns = ?, attempts = attempts + 1, settled_ns = ?, status = ?, "
                "reason = ? WHERE id = ? AND state IN ('pending', 'claimed')",
                [
                    (each.state.value, each.due_ns, each.at_ns, each.status, each.reason, each.delivery_id)
                    for each in settlements
                ],
            )

    def release(self, now_ns: int) -> int:
        """Make every claimed delivery due at once. Only for a courier that knows no other one is alive."""
        with self._transaction():
            return self._connection.execute(
                "UPDATE deliveries SET state = 'pending', due_ns = ? WHERE state = 'claimed'", (now_ns,)
            ).rowcount

    def next_due(self, channels: Collection[str]) -> int | None:
        """When the next delivery for these channels is due, in nanoseconds since the epoch; None without any."""
        with self._explained():
            moments = [
                self._connection.execute(
                    "SELECT min(due_ns) FROM deliveries WHERE channel = ? AND state IN ('pending', 'claimed')",
                    (channel,),
                ).fetchone()[0]
                for channel in channels
            ]
        return min((moment for moment in moments if moment is not None), default=None)

    def kept(self) -> int:
        """How many alerts are kept."""
        return self._scalar("SELECT count(*) FROM alerts")

    def undelivered(self) -> int:
        """How many deliveries wait, for whatever channel, the ones that the config no longer names too."""
        return self._scalar("SELECT count(*) FROM deliveries WHERE state IN ('pending', 'claimed')")

    # Reading

    def read(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a query over the schema, for ``bridge.journal.history``."""
        with self._explained():
            return self._connection.execute(statement, parameters).fetchall()

    # Within

    def _knows(self, identity: str) -> bool:
        row = self._connection.execute("SELECT 1 FROM alerts WHERE id = ?", (bytes.fromhex(identity),)).fetchone()
        return row is not None

    def _has_due(self, channel: str, now_ns: int) -> bool:
        with self._explained():
            row = self._connection.execute(
                "SELECT 1 FROM deliveries "
                "WHERE channel = ? AND state IN ('pending', 'claimed') AND due_ns <= ? LIMIT 1",
                (channel, now_ns),
            ).fetchone()
        return row is not None

    def _due(self, channel: str, now_ns: int, places: int) -> list[tuple[object, ...]]:
        return self._connection.execute(
            "SELECT d.id, d.channel, d.notification, d.attempts, d.created_ns, a.id, a.body "
            "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert "
            "WHERE d.channel = ? AND d.state IN ('pending', 'claimed') AND d.due_ns <= ? "
            "ORDER BY d.due_ns, d.id LIMIT ?",
            (channel, now_ns, places),
        ).fetchall()

    def _set_aside(self, road: str, received_ns: int, refused: Sequence[Refused]) -> None:
        self._connection.executemany(
            "INSERT INTO quarantine (received_ns, road, reason, raw) VALUES (?, ?, ?, ?)",
            [(received_ns, road, each.reason, each.raw[:_QUARANTINE_BYTES]) for each in refused],
        )
        self._connection.execute(
            "DELETE FROM quarantine WHERE seq <= (SELECT max(seq) FROM quarantine) - ?", (QUARANTINE_ROWS,)
        )

    def _scalar(self, statement: str) -> int:
        with self._explained():
            return int(self._connection.execute(statement).fetchone()[0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing. A failed COMMIT leaves the transaction open, so that too is rolled back."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _rows(
    road: str, received_ns: int, entries: Sequence[Entry], first: int
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """The rows of a batch: alerts numbered from ``first``, and their deliveries."""
    alerts: list[tuple[object, ...]] = []
    deliveries: list[tuple[object, ...]] = []
    encoded: dict[Notification, bytes] = {}
    for number, entry in enumerate(entries, first):
        alert = entry.alert
        alerts.append(
            (
                number,
                bytes.fromhex(alert.id),
                received_ns,
                road,
                encode_alert(alert),
                encode_decisions(entry.routed.decisions),
            )
        )
        for notification in entry.routed.notifications:
            body = encoded.get(notification)
            if body is None:
                body = encoded[notification] = encode_notification(notification)
            deliveries.append((number, notification.channel, body, received_ns, received_ns))
    return alerts, deliveries


def _delivery(row: tuple[object, ...]) -> Delivery:
    identity, channel, notification, attempts, created_ns, alert_id, body = row
    assert isinstance(identity, int)
    assert isinstance(channel, str)
    assert isinstance(notification, bytes)
    assert isinstance(attempts, int)
    assert isinstance(created_ns, int)
    assert isinstance(alert_id, bytes)
    assert isinstance(body, bytes)
    alert = decode_alert(alert_id.hex(), body)
    return Delivery(identity, alert, decode_notification(channel, notification), attempts, created_ns)


__all__ = ["DeliveryState", "Entry", "Journal", "Refused"]
