"""Writes the results of attempts, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from bridge.delivery import DeliveryState, Settlement
from bridge.journal.sql.order_keys import OPEN
from bridge.journal.sqlite.queue.order_keys import unblock_first

STORED_ATTEMPTS = 20
"""How many failed attempts of a delivery are stored: the first one, and the latest ones."""
_IDS_A_QUERY = 500
_SETTLE = (
    "UPDATE deliveries SET state = ?, due_ns = ?, attempts = ?, settled_ns = ?, status = ?, reason = ?, digest_id = ? "
    "WHERE id = ?"
)
_RELEASE = "UPDATE deliveries SET order_key = -id, blocked = 0 WHERE id = ?"

_Open = dict[int, tuple[str, int | None, int]]
"""Channel, order key and attempts of open deliveries, by id."""


def apply(connection: sqlite3.Connection, settlements: Sequence[Settlement]) -> None:
    """Apply settlements in their order. Those of deliveries that are not open change nothing."""
    known = _open_deliveries(connection, [each.delivery_id for each in settlements])
    changed: list[tuple[object, ...]] = []
    failed: list[tuple[object, ...]] = []
    released: list[tuple[int]] = []
    keys: list[tuple[str, int]] = []
    for each in settlements:
        if each.delivery_id not in known:
            continue
        channel, key, attempts = known.pop(each.delivery_id)
        attempts += 1
        changed.append(
            (each.state.value, each.due_ns, attempts, each.at_ns, each.status, each.reason, each.digest_id,
             each.delivery_id)
        )  # fmt: skip
        if each.state is not DeliveryState.DELIVERED:
            failed.append((each.delivery_id, attempts, each.at_ns, each.status, each.reason))
        if each.released_from_order:
            released.append((each.delivery_id,))
        if key is not None and (each.released_from_order or each.state is not DeliveryState.PENDING):
            keys.append((channel, key))
        if each.state is DeliveryState.PENDING:
            known[each.delivery_id] = (channel, key, attempts)
    connection.executemany(_SETTLE, changed)
    if released:
        connection.executemany(_RELEASE, released)
    if keys:
        unblock_first(connection, keys)
    if failed:
        connection.executemany("INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?)", failed)
        connection.executemany(
            "DELETE FROM attempts WHERE delivery_id = ? AND number = ?",
            [(row[0], row[1] - STORED_ATTEMPTS + 1) for row in failed if row[1] > STORED_ATTEMPTS],  # type: ignore[operator]
        )


def _open_deliveries(connection: sqlite3.Connection, ids: Sequence[int]) -> _Open:
    return {number: (channel, key, attempts) for number, channel, key, attempts in _rows(connection, ids)}


def _rows(connection: sqlite3.Connection, ids: Sequence[int]) -> Iterator[tuple[int, str, int | None, int]]:
    for start in range(0, len(ids), _IDS_A_QUERY):
        some = ids[start : start + _IDS_A_QUERY]
        marks = ", ".join("?" * len(some))
        yield from connection.execute(
            f"SELECT id, channel, order_key, attempts FROM deliveries WHERE id IN ({marks}) AND {OPEN}", some
        )
