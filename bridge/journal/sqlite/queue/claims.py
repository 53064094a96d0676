"""Chooses and claims the deliveries that may be sent now, in SQLite.

An index over the open deliveries that are not blocked, in the order of their due times, leads to them: the cost of a
claim depends on what it claims, not on how many deliveries wait or how many order keys they have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from bridge.delivery import Capacity, Delivery
from bridge.journal.errors import JournalBusyError, UnreadableError
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.order_keys import HEALTH_ALERT_KEY, OPEN, has_own_send, is_released
from bridge.journal.sql.sends import AlertRow, DueRow, gathered, read_delivery
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.queue.order_keys import NEW, new_ones, place
from bridge.journal.sqlite.unreadable import bury

_COLUMNS = (
    "SELECT d.id, d.channel, d.order_key, d.notification, d.attempts, d.created_ns, a.id, a.body, d.due_ns "
    "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert_seq "
    f"WHERE d.channel = ?1 AND d.{OPEN} AND "
)
_DUE = "d.blocked = 0 AND d.due_ns <= ?2"
_READY = f"{_COLUMNS} {_DUE} ORDER BY d.due_ns, d.id LIMIT ?3"
_READY_IN_ORDER = f"{_COLUMNS} {_DUE} AND ifnull(d.order_key, 1) > {HEALTH_ALERT_KEY} ORDER BY d.due_ns, d.id LIMIT ?3"
_HEALTH_ALERTS = (
    f"{_COLUMNS} d.order_key = {HEALTH_ALERT_KEY} AND d.blocked <> {NEW} AND +d.blocked = 0 AND +d.due_ns <= ?2"
)
"""The signs make SQLite use the index over order keys."""
_FOLLOWERS = f"{_COLUMNS} d.order_key = ?2 AND d.id > ?3 AND d.blocked <> {NEW} ORDER BY d.id LIMIT ?4"
_CLAIM = "UPDATE deliveries SET state = 'claimed', due_ns = ? WHERE id = ?"
_NEXT_DUE = (
    f"SELECT min(due_ns) FROM deliveries WHERE channel = ?1 AND {OPEN} AND blocked = 0 UNION ALL "
    f"SELECT min(due_ns) FROM deliveries WHERE channel = ?1 AND {OPEN} AND blocked = {NEW}"
)
_PLACED_AT_ONCE = 128
"""How many new deliveries of a channel a claim places, if it has no room for more. The write lock is held meanwhile."""


class _Due(NamedTuple):
    due_ns: int | None


class Claims:
    """The part of DeliveryQueue that reads and claims what is due."""

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._bodies = bodies
        self._unreadable: dict[int, str] = {}
        """Claimed deliveries that cannot be read and are not dead letters yet, with the cause."""

    def claim(self, now_ns: int, lease_ns: int, capacity: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """As in DeliveryQueue. New deliveries that were not placed are still due: the courier claims again."""
        rooms = {channel: room for channel, room in capacity.items() if room.sends > 0}
        new = [number for channel, room in rooms.items() for number in self._new_ones(channel, room)]
        sends = [] if new else self._all_sends(rooms, now_ns)
        if not (new or sends):  # a check that finds nothing must not take the write lock
            return []
        with self._database.transaction(durable=False) as connection:
            if new:
                place(connection, new)
                sends = self._all_sends(rooms, now_ns)
            connection.executemany(_CLAIM, [(now_ns + lease_ns, row.id) for send in sends for row in send])
        claimed = [tuple(self._deliveries(send)) for send in sends]
        self._bury_unreadable(now_ns)
        return [send for send in claimed if send]

    def next_due(self, channels: Collection[str]) -> int | None:
        """As in DeliveryQueue."""
        if new := [number for channel in channels for number in new_ones(self._database, channel, _PLACED_AT_ONCE)]:
            with self._database.transaction(durable=False) as connection:
                place(connection, new)
        return min(self.due_times(channels).values(), default=None)

    def due_times(self, channels: Collection[str]) -> dict[str, int]:
        """As in DeliveryQueue. A new delivery counts as if it were not blocked: the next claim places it."""
        found = {}
        for channel in channels:
            times = [row.due_ns for row in self._database.rows(_Due, _NEXT_DUE, (channel,)) if row.due_ns is not None]
            if times:
                found[channel] = min(times)
        return found

    def _new_ones(self, channel: str, room: Capacity) -> list[int]:
        return new_ones(self._database, channel, max(_PLACED_AT_ONCE, room.sends * room.batch_size))

    def _all_sends(self, rooms: Mapping[str, Capacity], now_ns: int) -> list[list[DueRow]]:
        followers = partial(self._followers, now_ns)
        return [
            send
            for channel, room in rooms.items()
            for send in gathered(self._ready(channel, room, now_ns), room, followers)
        ]

    def _ready(self, channel: str, capacity: Capacity, now_ns: int) -> Iterator[DueRow]:
        """The deliveries that may begin a send, health alerts first, then oldest first."""
        yield from self._database.rows(DueRow, _HEALTH_ALERTS, (channel, now_ns))
        limit = capacity.sends * capacity.batch_size
        if capacity.released_last:
            yield from sorted(self._database.rows(DueRow, _READY_IN_ORDER, (channel, now_ns, limit)))
        rows = self._database.rows(DueRow, _READY, (channel, now_ns, limit))
        yield from sorted(
            row
            for row in rows
            if is_released(row.order_key) or not (has_own_send(row.order_key) or capacity.released_last)
        )

    def _followers(self, now_ns: int, row: DueRow, limit: int, _wanted: int) -> Sequence[DueRow]:
        """The deliveries behind the first one of an order key, up to one that is not due."""
        if row.order_key is None or limit == 0:
            return ()
        followers = self._database.rows(DueRow, _FOLLOWERS, (row.channel, row.order_key, row.id, limit))
        not_due = next((index for index, each in enumerate(followers) if each.due_ns > now_ns), len(followers))
        return followers[:not_due]

    def _deliveries(self, send: Iterable[DueRow]) -> Iterator[Delivery]:
        """The deliveries of these rows that can be read."""
        for row in send:
            try:
                yield read_delivery(row, self._bodies, self._alerts)
            except UnreadableError as error:
                self._unreadable[row.id] = str(error)

    def _bury_unreadable(self, now_ns: int) -> None:
        """Make dead letters of what cannot be read. The others are claimed: they are sent although this cannot be."""
        if self._unreadable:
            with suppress(JournalBusyError):
                with self._database.transaction() as connection:
                    bury(connection, self._unreadable.items(), now_ns)
                self._unreadable.clear()

    def _alerts(self, ids: Sequence[bytes]) -> Sequence[AlertRow]:
        marks = ", ".join("?" * len(ids))
        return self._database.rows(AlertRow, f"SELECT id, body FROM alerts WHERE id IN ({marks}) ORDER BY id", ids)
