"""Chooses and claims the deliveries that may be sent now, in SQLite.

An index over the open deliveries that are not blocked, in the order of their due times, leads to them: the cost of a
claim depends on what it claims, not on how many deliveries wait or how many order keys they have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from bridge.delivery import Capacity, Delivery
from bridge.journal.errors import UnreadableError
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.order_keys import HEALTH_ALERT_KEY, OPEN
from bridge.journal.sql.sends import AlertRow, DueRow, gathered, read_delivery
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.unreadable import bury

_COLUMNS = (
    "SELECT d.id, d.channel, d.order_key, d.notification, d.attempts, d.created_ns, a.id, a.body, d.due_ns "
    "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert_seq "
    f"WHERE d.channel = ?1 AND d.{OPEN} AND "
)
_DUE = "d.blocked = 0 AND d.due_ns <= ?2"
_READY = f"{_COLUMNS} {_DUE} ORDER BY d.due_ns, d.id LIMIT ?3"
_READY_IN_ORDER = f"{_COLUMNS} {_DUE} AND ifnull(d.order_key, 1) > {HEALTH_ALERT_KEY} ORDER BY d.due_ns, d.id LIMIT ?3"
_HEALTH_ALERTS = f"{_COLUMNS} d.order_key = {HEALTH_ALERT_KEY} AND +d.blocked = 0 AND +d.due_ns <= ?2"
"""The signs make SQLite use the index over order keys."""
_FOLLOWERS = f"{_COLUMNS} d.order_key = ?2 AND d.id > ?3 ORDER BY d.id LIMIT ?4"
_NEXT_DUE = f"SELECT due_ns FROM deliveries WHERE channel = ? AND {OPEN} AND blocked = 0 ORDER BY due_ns LIMIT 1"


class Claims:
    """The part of DeliveryQueue that reads and claims what is due."""

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._bodies = bodies

    def claim(self, now_ns: int, lease_ns: int, capacity: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """As in DeliveryQueue."""
        sends = [
            send
            for channel, room in capacity.items() if room.sends > 0
            for send in gathered(self._ready(channel, room, now_ns), room, partial(self._followers, now_ns))
        ]  # fmt: skip
        if not sends:  # a check that finds nothing must not take the write lock
            return []
        unreadable: list[tuple[int, str]] = []
        claimed = [tuple(self._deliveries(send, unreadable)) for send in sends]
        with self._database.transaction(durable=False) as connection:
            connection.executemany(
                "UPDATE deliveries SET state = 'claimed', due_ns = ? WHERE id = ?",
                [(now_ns + lease_ns, each.id) for send in claimed for each in send],
            )
            bury(connection, unreadable, now_ns)
        return [send for send in claimed if send]

    def next_due(self, channels: Collection[str]) -> int | None:
        """As in DeliveryQueue."""
        times = [due_ns for channel in channels for due_ns in self._database.rows(int, _NEXT_DUE, (channel,))]
        return min(times, default=None)

    def _ready(self, channel: str, capacity: Capacity, now_ns: int) -> Iterator[DueRow]:
        """The deliveries that may begin a send, health alerts first, then oldest first."""
        yield from self._database.rows(DueRow, _HEALTH_ALERTS, (channel, now_ns))
        limit = capacity.sends * capacity.batch_size
        if capacity.released_last:
            yield from sorted(self._database.rows(DueRow, _READY_IN_ORDER, (channel, now_ns, limit)))
        rows = self._database.rows(DueRow, _READY, (channel, now_ns, limit))
        yield from sorted(row for row in rows if row.is_released or not (row.is_alone or capacity.released_last))

    def _followers(self, now_ns: int, row: DueRow, limit: int, _wanted: int) -> Sequence[DueRow]:
        """The deliveries behind the first one of an order key, up to one that is not due."""
        if row.order_key is None or limit == 0:
            return ()
        followers = self._database.rows(DueRow, _FOLLOWERS, (row.channel, row.order_key, row.id, limit))
        not_due = next((index for index, each in enumerate(followers) if each.due_ns > now_ns), len(followers))
        return followers[:not_due]

    def _deliveries(self, send: Iterable[DueRow], unreadable: list[tuple[int, str]]) -> Iterator[Delivery]:
        """The deliveries of these rows; those that cannot be read are added to ``unreadable``."""
        for row in send:
            try:
                yield read_delivery(row, self._bodies, self._alerts)
            except UnreadableError as error:
                unreadable.append((row.id, str(error)))

    def _alerts(self, ids: Sequence[bytes]) -> Sequence[AlertRow]:
        marks = ", ".join("?" * len(ids))
        return self._database.rows(AlertRow, f"SELECT id, body FROM alerts WHERE id IN ({marks}) ORDER BY id", ids)
