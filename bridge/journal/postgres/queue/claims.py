"""Chooses and claims the deliveries that may be sent now, in PostgreSQL: one query for all channels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from bridge.delivery import Capacity, Delivery
from bridge.journal.errors import JournalBusyError, UnreadableError
from bridge.journal.postgres.arrays import int8s, texts
from bridge.journal.postgres.database import Database
from bridge.journal.postgres.queue.channel_leases import ChannelLeases
from bridge.journal.postgres.queue.placement import has_new, place
from bridge.journal.postgres.queue.settlements import bury
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.order_keys import HEALTH_ALERT_KEY, OPEN, has_own_send, is_released
from bridge.journal.sql.sends import AlertRow, ClaimedRow, ReadyRow, gathered, read_delivery

_READ = (
    "SELECT d.id, d.channel, d.order_key, d.due_ns "
    "FROM unnest(?::text[], ?::bigint[]) AS c (channel, room) CROSS JOIN LATERAL "
    "(SELECT * FROM deliveries AS e WHERE e.channel = c.channel AND {wanted}) AS d ORDER BY d.channel, d.due_ns, d.id"
)
_DUE = f"e.{OPEN} AND e.blocked = 0 AND e.due_ns <= ?"
_LIMITED = "ORDER BY e.due_ns, e.id LIMIT c.room"
_READY = _READ.format(wanted=f"{_DUE} {_LIMITED}")
_READY_IN_ORDER = _READ.format(wanted=f"{_DUE} AND coalesce(e.order_key, 1) > {HEALTH_ALERT_KEY} {_LIMITED}")
_HEALTH_ALERTS = _READ.format(wanted=f"e.order_key = {HEALTH_ALERT_KEY} AND {_DUE}")
_FOLLOWERS = (
    "SELECT d.id, d.channel, d.order_key, d.due_ns "
    "FROM unnest(?::text[], ?::bigint[], ?::bigint[]) AS k (channel, order_key, id) CROSS JOIN LATERAL "
    "(SELECT * FROM deliveries AS e WHERE e.channel = k.channel AND e.order_key = k.order_key AND e.id > k.id "
    f"AND e.{OPEN} ORDER BY e.id LIMIT ?) AS d ORDER BY d.id"
)
_DUE_TIMES = (
    "SELECT c.channel, d.due_ns FROM unnest(?::text[]) AS c (channel) CROSS JOIN LATERAL (SELECT due_ns FROM "
    f"deliveries AS e WHERE e.channel = c.channel AND e.{OPEN} AND e.blocked = 0 ORDER BY e.due_ns LIMIT 1) AS d"
)
_CLAIMED = "RETURNING d.id, d.channel, d.notification, d.attempts, d.created_ns, a.id, a.body"
_CLAIM = (
    "UPDATE deliveries AS d SET state = 'claimed', due_ns = ? FROM alerts AS a "
    f"WHERE d.id = ANY(?) AND a.seq = d.alert_seq {_CLAIMED}"
)
_CLAIM_UNCHANGED = (
    "WITH c AS MATERIALIZED (SELECT d.id FROM unnest(?::bigint[], ?::bigint[]) AS k (id, order_key) "
    f"JOIN deliveries AS d ON d.id = k.id WHERE d.{OPEN} AND d.order_key IS NOT DISTINCT FROM k.order_key "
    "FOR NO KEY UPDATE OF d SKIP LOCKED) "
    "UPDATE deliveries AS d SET state = 'claimed', due_ns = ? FROM c, alerts AS a "
    f"WHERE d.id = c.id AND a.seq = d.alert_seq {_CLAIMED}"
)
"""Without those that an owner has locked, which may be frozen, or has given an order key since they were read."""
_LOCKED_NS = 50_000_000
"""When a delivery is tried again that an owner has locked."""
_PUT_BACK = (
    "UPDATE deliveries AS d SET state = 'pending', due_ns = g.now FROM "
    "(SELECT ?::bigint AS now, ?::bigint[] AS ids, ?::text[] AS channels) AS g "
    "WHERE d.id = ANY(g.ids) AND d.state = 'claimed' AND (g.channels IS NULL OR d.channel = ANY(g.channels))"
)


class _DueTime(NamedTuple):
    channel: str
    due_ns: int


class Claims:
    """The part of DeliveryQueue that reads and claims what is due."""

    def __init__(self, database: Database, bodies: Bodies, leases: ChannelLeases) -> None:
        self._database = database
        self._bodies = bodies
        self._leases = leases
        self._uncertain: list[int] = []
        """Deliveries that may have been claimed by a call that failed."""
        self._locked: dict[str, int] = {}
        """Channels of deliveries that could not be claimed, and when they are tried again."""

    def claim(self, now_ns: int, lease_ns: int, capacity: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """As in DeliveryQueue."""
        if self._uncertain:
            self.put_back(self._uncertain, now_ns)
            self._uncertain = []
        self._place()
        rooms = {channel: capacity[channel] for channel in self._leases.among(capacity) if capacity[channel].sends > 0}
        sends = list(self._sends(rooms, now_ns)) if rooms else []
        if not sends:
            return []
        try:
            return self._deliveries(sends, self._claim(sends, now_ns + lease_ns, now_ns), now_ns)
        except JournalBusyError:
            self._uncertain = [row.id for send in sends for row in send]
            raise

    def _claim(self, sends: Sequence[Sequence[ReadyRow]], until_ns: int, now_ns: int) -> dict[int, ClaimedRow]:
        """Claim them. Returns those of channels that are still leased, by id.

        In a fleet, one that an owner is changing is not claimed, and so none behind it in its order key.
        """
        with self._database.transaction(durable=False) as statements:
            held = self._leases.held(statements, {send[0].channel for send in sends})
            wanted = [row for send in sends if send[0].channel in held for row in send]
            ids = int8s([row.id for row in wanted])
            if not self._leases.is_shared:
                rows = statements.execute(_CLAIM, (until_ns, ids)).fetchall()
                return {row[0]: ClaimedRow(*row) for row in rows}
            keys = int8s([row.order_key for row in wanted])
            rows = statements.execute(_CLAIM_UNCHANGED, (ids, keys, until_ns)).fetchall()
            claimed = {row[0]: ClaimedRow(*row) for row in rows}
            if len(claimed) < len(wanted):
                behind = [claimed.pop(each).id for each in _behind_others(wanted, claimed)]
                statements.execute(_PUT_BACK, (now_ns, behind, None))
                self._locked |= {row.channel: now_ns + _LOCKED_NS for row in wanted if row.id not in claimed}
        return claimed

    def put_back(self, ids: Collection[int], now_ns: int) -> None:
        """As in DeliveryQueue. Durable: a courier that works on would never release what a crash leaves claimed."""
        with self._database.transaction() as statements:
            statements.execute(_PUT_BACK, (now_ns, list(ids), self._leases.all_held(statements)))

    def next_due(self, channels: Collection[str]) -> int | None:
        """As in DeliveryQueue."""
        return min(self.due_times(channels).values(), default=None)

    def due_times(self, channels: Collection[str]) -> dict[str, int]:
        """As in DeliveryQueue."""
        self._place()
        rows = self._database.rows(_DueTime, _DUE_TIMES, (self._leases.among(channels),))
        return {row.channel: max(row.due_ns, self._locked.pop(row.channel, 0)) for row in rows}

    def _place(self) -> None:
        shared = self._leases.is_shared
        if has_new(self._database, self._leases.names if shared else None):
            with self._database.transaction(durable=False) as statements:
                place(statements, self._leases.all_held(statements))

    def _sends(self, rooms: Mapping[str, Capacity], now_ns: int) -> Iterator[list[ReadyRow]]:
        """For each channel up to ``Capacity.sends`` lists of deliveries, health alerts first, then oldest first."""
        for channel, rows in self._ready(rooms, now_ns).items():
            yield from gathered(rows, rooms[channel], _Followers(self._database, rows, rooms[channel], now_ns).of)

    def _ready(self, rooms: Mapping[str, Capacity], now_ns: int) -> dict[str, list[ReadyRow]]:
        """The deliveries of each channel that may begin a send."""
        found: dict[str, list[ReadyRow]] = {channel: [] for channel in rooms}
        channels, limits = list(rooms), [room.sends * room.batch_size for room in rooms.values()]
        ordered = [channel for channel in channels if rooms[channel].released_last]
        some = [limit for channel, limit in zip(channels, limits, strict=True) if rooms[channel].released_last]
        everything = self._rows(_READY, channels, limits, now_ns)
        if any(row.order_key == HEALTH_ALERT_KEY for row in everything):
            for row in self._rows(_HEALTH_ALERTS, channels, limits, now_ns):
                found[row.channel].append(row)
        for row in sorted(self._rows(_READY_IN_ORDER, ordered, some, now_ns)) if ordered else ():
            found[row.channel].append(row)
        for row in sorted(everything):
            if is_released(row.order_key) or not (has_own_send(row.order_key) or rooms[row.channel].released_last):
                found[row.channel].append(row)
        return found

    def _rows(self, statement: str, channels: Sequence[str], limits: Sequence[int], now_ns: int) -> list[ReadyRow]:
        return self._database.rows(ReadyRow, statement, (texts(channels), int8s(limits), now_ns))

    def _deliveries(
        self, sends: Iterable[Iterable[ReadyRow]], claimed: Mapping[int, ClaimedRow], now_ns: int
    ) -> list[tuple[Delivery, ...]]:
        """What was claimed of these sends. Deliveries that cannot be read become dead letters."""
        unreadable: list[tuple[ClaimedRow, str]] = []
        read: list[tuple[Delivery, ...]] = []
        for send in sends:
            deliveries: list[Delivery] = []
            for row in (claimed[each.id] for each in send if each.id in claimed):
                try:
                    deliveries.append(read_delivery(row, self._bodies, self._alerts))
                except UnreadableError as error:
                    unreadable.append((row, str(error)))
            if deliveries:
                read.append(tuple(deliveries))
        if unreadable:
            with self._database.transaction() as statements:
                held = self._leases.held(statements, {row.channel for row, _ in unreadable})
                bury(statements, [(row.id, cause) for row, cause in unreadable if row.channel in held], now_ns)
        return read

    def _alerts(self, ids: Sequence[bytes]) -> Sequence[AlertRow]:
        return self._database.rows(AlertRow, "SELECT id, body FROM alerts WHERE id = ANY(?) ORDER BY id", (ids,))


class _Followers:
    """The deliveries behind the first ones of order keys, read for more and more keys at once.

    Where keys have many deliveries, few keys fill a batch; where they have one each, many keys are needed.
    """

    def __init__(self, database: Database, rows: Sequence[ReadyRow], room: Capacity, now_ns: int) -> None:
        self._database = database
        self._firsts = [
            row for row in rows if room.batch_size > 1 and row.order_key is not None and not has_own_send(row.order_key)
        ]
        self._limit = room.batch_size - 1
        self._now_ns = now_ns
        self._found: dict[int, list[ReadyRow]] = {}
        self._at_once = 2

    def of(self, row: ReadyRow, _limit: int, wanted: int) -> Sequence[ReadyRow]:
        """Those behind this one, up to one that is not due. Asked for in the order of the rows.

        ``wanted`` is how many deliveries there is room for.
        """
        if self._firsts and self._firsts[0].id == row.id:
            if self._found:
                per_key = 1 + sum(map(len, self._found.values())) / len(self._found)
                self._at_once = min(4 * self._at_once, ceil(wanted / per_key))
            self._read(self._firsts[: self._at_once])
            self._firsts = self._firsts[self._at_once :]
        return self._found.get(row.id, ())

    def _read(self, rows: Sequence[ReadyRow]) -> None:
        firsts = {row.order_key: row.id for row in rows}
        self._found |= {row.id: [] for row in rows}
        ended: set[int] = set()
        keys = int8s([row.order_key for row in rows])
        columns = texts([row.channel for row in rows]), keys, int8s([row.id for row in rows])
        for row in self._database.rows(ReadyRow, _FOLLOWERS, (*columns, self._limit)):
            first = firsts[row.order_key]
            if row.due_ns > self._now_ns:
                ended.add(first)
            elif first not in ended:
                self._found[first].append(row)


def _behind_others(wanted: Iterable[ReadyRow], claimed: Collection[int]) -> list[int]:
    """Those that were claimed although one before them in their order key was not."""
    found: list[int] = []
    waiting: set[tuple[str, int]] = set()
    for row in wanted:
        if row.order_key is None:
            continue
        key = row.channel, row.order_key
        if row.id not in claimed:
            waiting.add(key)
        elif key in waiting:
            found.append(row.id)
    return found
