"""The journal in SQLite: the only thing between the router, which appends, and the courier, which delivers.

This is the router's half, and the whole: ``deliveries.py`` holds the courier's.

Each method is one transaction. The router and the courier open the file on their own; WAL lets them read while the
other writes, and both keep their write transactions short.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage
from bridge.delivery.delivery import DeliveryState
from bridge.journal.codec import encode_decisions, encode_notification
from bridge.journal.errors import JournalError
from bridge.journal.sqlite.deliveries import order_lane
from bridge.journal.sqlite.lock import FileLock
from bridge.journal.sqlite.retention import Retention
from bridge.journal.sqlite.schema import connect, connect_to_read
from bridge.routing import Entry, Notification

QUARANTINE_ROWS = 1000
"""How many refused messages are kept; the oldest go first."""
_QUARANTINE_BYTES = 64 << 10
_ASKED_AT_ONCE = 500


class Journal(Retention):
    """One connection to the journal's file. Methods raise JournalError; JournalBusyError where waiting may help."""

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: FileLock | None) -> None:
        super().__init__(connection, path, lock)
        self._next_alert = self._scalar("SELECT coalesce(max(seq), 0) + 1 FROM alerts")
        (latest,) = self.read("SELECT max(id) FROM alerts")[0]
        self._latest = latest.hex() if isinstance(latest, bytes) else ""
        """The last id in order of time."""

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

    # The router's half

    def unknown(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Those alerts that are not kept yet, each once: a repeated POST or a second road brings the same id.

        Ids begin with the time: what is later than all that is kept is new, and need not be looked for.
        """
        fresh: dict[str, Alert] = {}
        for alert in alerts:
            fresh.setdefault(alert.id, alert)
        for known in self._known([identity for identity in fresh if identity <= self._latest]):
            del fresh[known]
        return list(fresh.values())

    def append(
        self,
        road: str,
        received_ns: int,
        entries: Sequence[Entry],
        refused: Sequence[RejectedMessage] = (),
        checkpoint: Mapping[str, str | None] | None = None,
    ) -> int:
        """Keep a batch, all or nothing, and return once it is on the disk.

        ``road`` is the source's name; of its checkpoint only the parts that are named change, and None forgets one.
        Returns how many deliveries were added.
        """
        first = self._next_alert
        alerts, deliveries = self._rows(road, received_ns, entries, first)
        with self._transaction():
            last = self._scalar("SELECT coalesce(max(seq), 0) FROM alerts")
            if last >= first:  # the courier, too, tells of things
                first = last + 1
                alerts, deliveries = self._rows(road, received_ns, entries, first)
            self._connection.executemany("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?)", alerts)
            self._connection.executemany(
                "INSERT INTO deliveries (alert, channel, lane, notification, state, due_ns, created_ns) "
                "VALUES (?, ?, ?, ?, 'pending', ?, ?)",
                deliveries,
            )
            if refused:
                self._set_aside(road, received_ns, refused)
            if checkpoint:
                self._move(road, checkpoint)
        self._next_alert = first + len(entries)
        self._latest = max(self._latest, *(entry.alert.id for entry in entries)) if entries else self._latest
        return len(deliveries)

    def checkpoint(self, source: str) -> dict[str, str]:
        """Where the source has to read on, by its parts; empty where it has never said."""
        rows = self.read("SELECT part, position FROM checkpoints WHERE source = ?", (source,))
        return {str(part): str(position) for part, position in rows}

    def kept(self) -> int:
        """How many alerts are kept."""
        return self._scalar("SELECT count(*) FROM alerts")

    # Within

    def _known(self, ids: Sequence[str]) -> Iterator[str]:
        """Those of the ids that are kept."""
        for start in range(0, len(ids), _ASKED_AT_ONCE):
            some = [bytes.fromhex(identity) for identity in ids[start : start + _ASKED_AT_ONCE]]
            statement = f"SELECT id FROM alerts WHERE id IN ({', '.join('?' * len(some))})"  # noqa: S608  # places only
            for (known,) in self.read(statement, some):
                assert isinstance(known, bytes)
                yield known.hex()

    def _move(self, road: str, checkpoint: Mapping[str, str | None]) -> None:
        self._connection.executemany(
            "INSERT INTO checkpoints VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position",
            [(road, part, position) for part, position in checkpoint.items() if position is not None],
        )
        self._connection.executemany(
            "DELETE FROM checkpoints WHERE source = ? AND part = ?",
            [(road, part) for part, position in checkpoint.items() if position is None],
        )

    def _set_aside(self, road: str, received_ns: int, refused: Sequence[RejectedMessage]) -> None:
        self._connection.executemany(
            "INSERT INTO quarantine (received_ns, road, reason, raw) VALUES (?, ?, ?, ?)",
            [(received_ns, road, each.reason, each.raw[:_QUARANTINE_BYTES]) for each in refused],
        )
        self._connection.execute(
            "DELETE FROM quarantine WHERE seq <= (SELECT max(seq) FROM quarantine) - ?", (QUARANTINE_ROWS,)
        )

    def _rows(
        self, road: str, received_ns: int, entries: Sequence[Entry], first: int
    ) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        """The rows of a batch: alerts numbered from ``first``, and their deliveries."""
        alerts: list[tuple[object, ...]] = []
        deliveries: list[tuple[object, ...]] = []
        encoded: dict[Notification, tuple[int, bytes]] = {}
        for number, entry in enumerate(entries, first):
            alert = entry.alert
            alerts.append(
                (
                    number,
                    bytes.fromhex(alert.id),
                    received_ns,
                    road,
                    self._bodies.encode(alert),
                    encode_decisions(entry.routed.decisions),
                )
            )
            for notification in entry.routed.notifications:
                known = encoded.get(notification)
                if known is None:
                    known = encoded[notification] = (order_lane(notification), encode_notification(notification))
                deliveries.append((number, notification.channel, *known, received_ns, received_ns))
        return alerts, deliveries


__all__ = ["DeliveryState", "Entry", "Journal"]
