"""Which deliveries of an order key are blocked, in PostgreSQL.

Of the open deliveries of a key, all but one are *blocked*: the first, or one that is claimed. Routers and operators add
deliveries as *new*; only the courier decides which of them are blocked, so no process waits for another one's lock.
A delivery without a key, or one that was released from its key, is never blocked.
"""

from __future__ import annotations

from collections.abc import Collection

from bridge.journal.postgres.arrays import int8s, texts
from bridge.journal.postgres.database import IS_ALIVE, Database, Statements
from bridge.journal.postgres.tables.migrations import NEW
from bridge.journal.sql.database import Connection
from bridge.journal.sql.order_keys import OPEN

_AT_ONCE = 5000
_NEW_ONES = (
    f"SELECT id, channel, order_key FROM deliveries WHERE {OPEN} AND blocked = {NEW} "
    f"{{which}} ORDER BY channel, id LIMIT {_AT_ONCE}"
)
_ALL_NEW, _NEW_OF = _NEW_ONES.format(which=""), _NEW_ONES.format(which="AND channel = ANY(?)")
_HAS_NEW = f"SELECT 1 FROM deliveries WHERE {OPEN} AND blocked = {NEW} ORDER BY channel, id LIMIT 1"
_HAS_NEW_OF = (
    "SELECT 1 FROM unnest(?::text[]) AS c (channel) CROSS JOIN LATERAL (SELECT FROM deliveries AS d "
    f"WHERE d.channel = c.channel AND d.{OPEN} AND d.blocked = {NEW} ORDER BY d.id LIMIT 1) AS found LIMIT 1"
)
"""The orders make PostgreSQL scan the index itself, which passes over what was placed long ago once only."""
_ACTIVE = (
    "SELECT d.channel, d.order_key, d.id, d.state FROM unnest(?::text[], ?::bigint[]) AS k (channel, order_key) "
    f"JOIN deliveries AS d ON d.channel = k.channel AND d.order_key = k.order_key AND d.{OPEN} AND d.blocked = 0"
)
_DUE_BY_SERVER = (
    "UPDATE deliveries SET due_ns = t.now, created_ns = t.now "
    "FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 AS now) AS t "
    f"WHERE id = ? AND EXISTS (SELECT 1 FROM members WHERE {IS_ALIVE})"
)
_SET = "UPDATE deliveries SET blocked = ? WHERE id = ANY(?)"
_UNBLOCK = (
    "UPDATE deliveries SET blocked = 0 WHERE blocked = 1 AND id IN (SELECT (SELECT d.id FROM deliveries AS d "
    f"WHERE d.channel = k.channel AND d.order_key = k.order_key AND d.{OPEN} AND d.blocked < {NEW} "
    "ORDER BY d.id LIMIT 1) FROM unnest(?::text[], ?::bigint[]) AS k (channel, order_key))"
)

_Key = tuple[str, int]


def has_new(database: Database, channels: Collection[str] | None = None) -> bool:
    """Whether some deliveries have no place yet, of these channels or of all."""
    if channels is None:
        return bool(database.rows(int, _HAS_NEW))
    return bool(channels and database.rows(int, _HAS_NEW_OF, (texts(list(channels)),)))


def place(statements: Statements, channels: Collection[str] | None = None) -> None:
    """Give every new delivery its place, within the caller's transaction; of these channels or of all."""
    query, which = (_ALL_NEW, ()) if channels is None else (_NEW_OF, (list(channels),))
    while rows := statements.execute(query, which).fetchall():
        new: dict[_Key, list[int]] = {}
        for number, channel, key in rows:
            new.setdefault((channel, key), []).append(number)
        active = {(channel, key): (number, state) for channel, key, number, state in
                  statements.execute(_ACTIVE, _columns(new))}  # fmt: skip
        free, blocked = _places(new, active)
        statements.execute(_SET, (1, int8s(blocked)))
        statements.execute(_SET, (0, int8s(free)))
        if len(rows) < _AT_ONCE:
            return


def unblock_first(statements: Statements, keys: Collection[_Key]) -> None:
    """Deliveries of these channels and keys were settled: the first one that is open may be claimed."""
    if keys:
        statements.execute(_UNBLOCK, _columns(set(keys)))


def reopen(connection: Connection, delivery_id: int) -> None:
    """A dead letter is pending again: it is new, unless it has no key. In a fleet it is due by the database's clock."""
    connection.execute(
        f"UPDATE deliveries SET blocked = CASE WHEN order_key >= 0 THEN {NEW} ELSE 0 END WHERE id = ?", (delivery_id,)
    )
    connection.execute(_DUE_BY_SERVER, (delivery_id,))


def _places(new: dict[_Key, list[int]], active: dict[_Key, tuple[int, str]]) -> tuple[list[int], list[int]]:
    """The ids that are free, and those that are blocked. A claimed delivery stays before all others of its key."""
    free: list[int] = []
    blocked: list[int] = []
    for key, ids in new.items():
        number, state = active.get(key, (0, ""))
        if not number or (ids[0] < number and state == "pending"):
            free.append(ids[0])
            blocked += ids[1:]
            if number:
                blocked.append(number)
        else:
            blocked += ids
    return free, blocked


def _columns(keys: Collection[_Key]) -> tuple[bytes, bytes]:
    return texts([channel for channel, _ in keys]), int8s([key for _, key in keys])
