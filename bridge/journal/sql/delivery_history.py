"""Reads deliveries and their notifications with SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import msgspec

from bridge.delivery import DeliveryState
from bridge.journal.codec import decode_notification
from bridge.journal.records import DeliveryRecord, NotificationRecord
from bridge.journal.sql.database import Database

_PAGE = 500
_CONTEXT = b'"context":'
"""What an encoded notification contains if a clause with memory has a part in it."""
_NOTIFICATIONS = (
    "SELECT d.id, a.id, d.channel, d.state, d.attempts, d.status, d.reason, d.digest_id, d.notification, d.created_ns, "
    "d.due_ns, d.settled_ns FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert_seq"
)
_DELIVERIES = (
    "SELECT d.id, a.id, d.channel, d.state, d.attempts, d.status, d.reason, d.digest_id "
    "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert_seq "
    "WHERE d.id > ? AND {state} ORDER BY d.id LIMIT "
    f"{_PAGE}"
)


class _DeliveryRow(NamedTuple):
    id: int
    alert_id: bytes
    channel: str
    state: DeliveryState
    attempts: int
    status: int | None
    reason: str
    digest_id: int | None


class _NotificationRow(NamedTuple):
    id: int
    alert_id: bytes
    channel: str
    state: DeliveryState
    attempts: int
    status: int | None
    reason: str
    digest_id: int | None
    notification: bytes
    created_ns: int
    due_ns: int
    settled_ns: int | None


class _SentRow(NamedTuple):
    alert_seq: int
    notification: bytes


class _CountRow(NamedTuple):
    channel: str
    state: DeliveryState
    number: int


class DeliveryHistory:
    """The part of History that reads deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deliveries(self, state: DeliveryState | None = None) -> Iterator[DeliveryRecord]:
        """As in History."""
        last = 0
        statement = _DELIVERIES.format(state="true" if state is None else "d.state = ?")
        wanted = () if state is None else (state.value,)
        while page := self._database.rows(_DeliveryRow, statement, (last, *wanted)):
            for row in page:
                yield DeliveryRecord(
                    row.id, row.alert_id.hex(), row.channel, row.state, row.attempts, row.status, row.reason,
                    row.digest_id,
                )  # fmt: skip
            last = page[-1].id

    def deliveries_of(self, number: int) -> list[NotificationRecord]:
        """As in History."""
        rows = self._database.rows(_NotificationRow, f"{_NOTIFICATIONS} WHERE d.alert_seq = ? ORDER BY d.id", (number,))
        return [_notification(row) for row in rows]

    def deliveries_naming(self, texts: Collection[str], since_ns: int, limit: int) -> list[NotificationRecord]:
        """As in History. The database searches the encoded notifications."""
        if not texts:
            return []
        named = " OR ".join([self._database.contains.format(column="d.notification")] * len(texts))
        rows = self._database.rows(
            _NotificationRow,
            f"{_NOTIFICATIONS} WHERE d.created_ns >= ? AND ({named}) ORDER BY d.id LIMIT ?",  # only marks
            (since_ns, *[text.encode() for text in texts], limit),
        )
        return [_notification(row) for row in rows]

    def sent_later(self, channel: str, route: str = "") -> list[int]:
        """As in History."""
        has_context = self._database.contains.format(column="notification")
        rows = self._database.rows(
            _SentRow,
            f"SELECT alert_seq, notification FROM deliveries WHERE channel = ? AND {has_context}",  # only marks
            (channel, _CONTEXT),
        )
        numbers: set[int] = set()
        named: set[bytes] = set()
        for row in rows:
            try:
                notification = decode_notification(channel, row.notification)
                ids = () if notification.context is None else notification.context.alerts
                if not route or route in notification.routes:
                    numbers.add(row.alert_seq)
                    named.update(map(bytes.fromhex, ids))
            except (msgspec.MsgspecError, ValueError, KeyError):
                continue
        return sorted(numbers.union(self._numbers_of(list(named))), reverse=True)

    def _numbers_of(self, ids: Sequence[bytes]) -> Iterator[int]:
        for start in range(0, len(ids), _PAGE):
            some = ids[start : start + _PAGE]
            marks = ", ".join("?" * len(some))
            yield from self._database.rows(int, f"SELECT seq FROM alerts WHERE id IN ({marks})", some)  # only marks

    def delivery_counts(self) -> Counter[tuple[str, DeliveryState]]:
        """As in History."""
        rows = self._database.rows(_CountRow, "SELECT channel, state, count(*) FROM deliveries GROUP BY channel, state")
        return Counter({(row.channel, row.state): row.number for row in rows})


def _notification(row: _NotificationRow) -> NotificationRecord:
    try:
        notification = decode_notification(row.channel, row.notification)
    except (msgspec.MsgspecError, ValueError, KeyError):
        notification = None
    delivery = DeliveryRecord(
        row.id, row.alert_id.hex(), row.channel, row.state, row.attempts, row.status, row.reason, row.digest_id
    )
    return NotificationRecord(delivery, notification, row.created_ns, row.due_ns, row.settled_ns)
