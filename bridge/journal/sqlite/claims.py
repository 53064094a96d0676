"""Chooses and claims the deliveries that may be sent now, in SQLite.

Of one order key only the oldest open delivery, and those directly behind it, may be claimed. An index over the open
deliveries leads from one order key to the next, so the cost of a claim depends on the number of keys, not on how many
deliveries wait.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from bridge.alert import Alert
from bridge.delivery import Capacity, Delivery
from bridge.journal.codec import decode_notification
from bridge.journal.sqlite.bodies import Bodies
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.order_keys import HEALTH_ALERT_KEY
from bridge.routing import Kind, Notification

OPEN = "state IN ('pending', 'claimed')"
"""The condition of the index over open deliveries."""
_RUN = (
    "SELECT d.id, d.channel, d.notification, d.attempts, d.created_ns, a.id, a.body, d.due_ns "
    "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert_seq "
    f"WHERE d.channel = ? AND d.{OPEN} AND d.order_key = ? AND d.id >= ? ORDER BY d.id LIMIT ?"
)
_HEADS = f"""
WITH RECURSIVE keys (order_key) AS (
    SELECT (SELECT min(order_key) FROM deliveries WHERE channel = ?1 AND {OPEN})
    UNION ALL
    SELECT (SELECT min(order_key) FROM deliveries WHERE channel = ?1 AND {OPEN} AND order_key > keys.order_key)
    FROM keys WHERE keys.order_key IS NOT NULL
)
SELECT keys.order_key, d.id, d.due_ns FROM keys JOIN deliveries AS d ON d.id = (
    SELECT min(id) FROM deliveries WHERE channel = ?1 AND {OPEN} AND order_key = keys.order_key
)
WHERE keys.order_key IS NOT NULL
"""
"""The oldest open delivery of each order key of a channel."""


class _Head(NamedTuple):
    order_key: int
    id: int


class _DeliveryRow(NamedTuple):
    id: int
    channel: str
    notification: bytes
    attempts: int
    created_ns: int
    alert_id: bytes
    body: bytes
    due_ns: int


class _AlertRow(NamedTuple):
    id: bytes
    body: bytes


class Claims:
    """The part of DeliveryQueue that reads and claims what is due."""

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._bodies = bodies

    def claim(self, now_ns: int, lease_ns: int, capacity: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """As in DeliveryQueue."""
        heads = {name: self._due_heads(name, now_ns, room) for name, room in capacity.items() if room.sends > 0}
        if not any(heads.values()):  # a check that finds nothing must not take the write lock
            return []
        with self._database.transaction(durable=False) as connection:
            claimed = [
                send for name, found in heads.items() for send in self._sends(name, found, capacity[name], now_ns)
            ]
            connection.executemany(
                "UPDATE deliveries SET state = 'claimed', due_ns = ? WHERE id = ?",
                [(now_ns + lease_ns, each.id) for send in claimed for each in send],
            )
        return claimed

    def next_due(self, channels: Collection[str]) -> int | None:
        """As in DeliveryQueue."""
        times = [
            due_ns
            for channel in channels
            for due_ns in self._database.rows(int, f"SELECT due_ns FROM ({_HEADS}) ORDER BY due_ns LIMIT 1", (channel,))
        ]
        return min(times, default=None)

    def _due_heads(self, channel: str, now_ns: int, capacity: Capacity) -> list[_Head]:
        """The first delivery of each order key that may be claimed now, health alerts first, then oldest first."""
        return self._database.rows(
            _Head,
            f"SELECT order_key, id FROM ({_HEADS}) WHERE due_ns <= ?2 "
            f"ORDER BY order_key <> {HEALTH_ALERT_KEY}, ?3 AND order_key < {HEALTH_ALERT_KEY}, id",
            (channel, now_ns, capacity.released_last),
        )

    def _sends(
        self, channel: str, heads: Sequence[_Head], capacity: Capacity, now_ns: int
    ) -> Iterator[tuple[Delivery, ...]]:
        """Up to ``capacity.sends`` tuples of deliveries."""
        sends, gathered = 0, list[Delivery]()
        for key, head in heads:
            alone = key <= HEALTH_ALERT_KEY
            if sends + bool(gathered) == capacity.sends and (alone or not gathered):
                return
            if alone:
                sends += 1
                yield tuple(self._run(channel, key, head, 1, now_ns))
                continue
            gathered += self._run(channel, key, head, capacity.batch_size - len(gathered), now_ns)
            if len(gathered) == capacity.batch_size:
                sends += 1
                yield tuple(gathered)
                gathered = []
        if gathered:
            yield tuple(gathered)

    def _run(self, channel: str, key: int, head: int, limit: int, now_ns: int) -> list[Delivery]:
        """The deliveries of an order key from its first one on, up to one that is not due."""
        run: list[Delivery] = []
        for row in self._database.rows(_DeliveryRow, _RUN, (channel, key, head, limit)):
            if row.due_ns > now_ns:
                break
            alert = self._bodies.decode(row.alert_id, row.body)
            notification = decode_notification(row.channel, row.notification)
            others = self._named(notification)
            run.append(Delivery(row.id, alert, notification, row.attempts, row.created_ns, others))
        return run

    def _named(self, notification: Notification) -> tuple[Alert, ...]:
        """The alerts that a digest of a group names."""
        context = notification.context
        if context is None or context.kind is not Kind.DIGEST:
            return ()
        ids = [bytes.fromhex(each) for each in context.alerts]
        marks = ", ".join("?" * len(ids))
        rows = self._database.rows(_AlertRow, f"SELECT id, body FROM alerts WHERE id IN ({marks}) ORDER BY id", ids)
        return tuple(self._bodies.decode(row.id, row.body) for row in rows)
