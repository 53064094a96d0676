"""Writes the results of attempts, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from bridge.delivery import DeliveryState, Health, Settlement
from bridge.journal.postgres.arrays import int4s, int8s, texts
from bridge.journal.postgres.database import Statements, storable
from bridge.journal.postgres.queue.channel_leases import ChannelLeases
from bridge.journal.postgres.queue.placement import unblock_first
from bridge.journal.sql.dead_letters import UNREADABLE
from bridge.journal.sql.order_keys import OPEN

STORED_ATTEMPTS = 20
"""How many failed attempts of a delivery are stored: the first one, and the latest ones."""
_OPEN_ONES = f"SELECT id, channel, order_key, attempts FROM deliveries WHERE id = ANY(?) AND {OPEN}"
_SETTLE = (
    "UPDATE deliveries AS d SET state = v.state, due_ns = v.due_ns, attempts = v.attempts, settled_ns = v.settled_ns, "
    "status = v.status, reason = v.reason, digest_id = v.digest_id FROM unnest(?::bigint[], ?::text[], ?::bigint[], "
    "?::integer[], ?::bigint[], ?::integer[], ?::text[], ?::bigint[]) "
    "AS v (id, state, due_ns, attempts, settled_ns, status, reason, digest_id) WHERE d.id = v.id"
)
_RELEASE = "UPDATE deliveries SET order_key = -id, blocked = 0 WHERE id = ANY(?)"
_ATTEMPTS = (
    "INSERT INTO attempts SELECT * FROM unnest(?::bigint[], ?::integer[], ?::bigint[], ?::integer[], ?::text[]) "
    "ON CONFLICT (delivery_id, number) DO UPDATE SET attempted_ns = excluded.attempted_ns, status = excluded.status, "
    "reason = excluded.reason"
)
_FORGET = (
    "DELETE FROM attempts AS a USING unnest(?::bigint[], ?::integer[]) AS v (delivery_id, number) "
    "WHERE a.delivery_id = v.delivery_id AND a.number = v.number"
)
_SETTLED = (int8s, texts, int8s, int4s, int8s, int4s, texts, int8s)
_FAILED = (int8s, int4s, int8s, int4s, texts)


class _Changes:
    """What the settlements of some deliveries change."""

    def __init__(self, known: dict[int, tuple[str, int | None, int]]) -> None:
        """``known`` holds channel, order key and attempts of the deliveries that are open, by id."""
        self._known = known
        self.rows: dict[int, tuple[Any, ...]] = {}
        self.failed: dict[tuple[int, int], tuple[Any, ...]] = {}
        self.released: list[int] = []
        self.keys: set[tuple[str, int]] = set()

    def add(self, each: Settlement) -> None:
        """Add a settlement. It counts for nothing if its delivery is not open."""
        if each.delivery_id not in self._known:
            return
        channel, key, attempts = self._known.pop(each.delivery_id)
        attempts += 1
        reason = storable(each.reason)
        self.rows[each.delivery_id] = (
            each.delivery_id, each.state.value, each.due_ns, attempts, each.at_ns, each.status, reason, each.digest_id,
        )  # fmt: skip
        if each.state is not DeliveryState.DELIVERED:
            row = (each.delivery_id, attempts, each.at_ns, each.status, reason)
            self.failed[each.delivery_id, attempts] = row
        if each.released_from_order:
            self.released.append(each.delivery_id)
        if key is not None and (each.released_from_order or each.state is not DeliveryState.PENDING):
            self.keys.add((channel, key))
        if each.state is DeliveryState.PENDING:
            self._known[each.delivery_id] = (channel, key, attempts)


def apply(statements: Statements, settlements: Sequence[Settlement], leases: ChannelLeases) -> None:
    """Apply settlements in their order.

    Those of deliveries that are not open, or of channels that another courier has taken over, change nothing.
    """
    if not settlements:
        return
    ids = list({each.delivery_id for each in settlements})
    found = statements.execute(_OPEN_ONES, (int8s(ids),)).fetchall()
    held = leases.held(statements, {channel for _, channel, _, _ in found})
    changes = _Changes(
        {number: (channel, key, attempts) for number, channel, key, attempts in found if channel in held}
    )
    for each in settlements:
        changes.add(each)
    if not changes.rows:
        return
    statements.execute(_SETTLE, _arrays(_SETTLED, changes.rows.values()))
    if changes.released:
        statements.execute(_RELEASE, (int8s(changes.released),))
    unblock_first(statements, changes.keys)
    if changes.failed:
        statements.execute(_ATTEMPTS, _arrays(_FAILED, changes.failed.values()))
    old = [(row[0], row[1] - STORED_ATTEMPTS + 1) for row in changes.failed.values() if row[1] > STORED_ATTEMPTS]
    if old:
        statements.execute(_FORGET, _arrays((int8s, int4s), old))


def write_health(statements: Statements, health: Mapping[str, Health], leases: ChannelLeases) -> None:
    """Store the health of channels, within the caller's transaction; not of those that another courier has."""
    if not health:
        return
    held = leases.held(statements, health)
    statements.executemany(
        "INSERT INTO channels VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET health = excluded.health",
        [(name, msgspec.json.encode(each)) for name, each in health.items() if name in held],
    )


def bury(statements: Statements, unreadable: Iterable[tuple[int, str]], now_ns: int) -> None:
    """Make dead letters of these deliveries, by id with the cause, within the caller's transaction."""
    for delivery_id, cause in unreadable:
        found = statements.execute(
            "UPDATE deliveries SET state = 'dead', settled_ns = ?, status = NULL, reason = ? WHERE id = ? "
            "RETURNING channel, order_key",
            (now_ns, storable(f"{UNREADABLE}{cause}"), delivery_id),
        ).fetchone()
        assert found is not None
        channel, key = found
        if key is not None:
            unblock_first(statements, [(channel, key)])
        structlog.get_logger("journal").error(
            "delivery unreadable; it is a dead letter", delivery=delivery_id, channel=channel, problem=cause,
            remedy="restore the database from a backup, or discard the dead letter",
        )  # fmt: skip


def _arrays(types: Iterable[Callable[[Sequence[Any]], bytes]], rows: Iterable[Sequence[Any]]) -> list[bytes]:
    """The columns of rows, with the type of each."""
    return [make(column) for make, column in zip(types, zip(*rows, strict=True), strict=True)]
