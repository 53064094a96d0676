"""Settles deliveries and records the health of channels, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog

from bridge.common.clocks.clock import STEP_NS, Step
from bridge.delivery import Capacity, Delivery, Health, Settlement
from bridge.journal.members import CHANNEL
from bridge.journal.postgres.database import IS_ALIVE, Database, Statements, storable
from bridge.journal.postgres.queue.channel_leases import ChannelLeases
from bridge.journal.postgres.queue.claims import Claims
from bridge.journal.postgres.queue.placement import unblock_first
from bridge.journal.postgres.queue.settlements import apply, write_health
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.order_keys import OPEN

_CHANNELS = f"""
WITH RECURSIVE names (name) AS (
    SELECT (SELECT min(channel) FROM deliveries WHERE {OPEN})
    UNION ALL
    SELECT (SELECT min(channel) FROM deliveries WHERE {OPEN} AND channel > names.name)
    FROM names WHERE names.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL
"""
_MOVED = "CASE WHEN {column} BETWEEN v.checked AND v.now THEN {column} ELSE {column} + v.by END"
"""As ``Step.moved``."""
_FOLLOW = (
    f"UPDATE deliveries SET created_ns = least({_MOVED.format(column='created_ns')}, v.now), "
    "due_ns = CASE WHEN state = 'pending' AND attempts = 0 THEN least(due_ns, v.now) "
    f"WHEN state = 'pending' THEN {_MOVED.format(column='due_ns')} ELSE due_ns + v.by END, "
    f"settled_ns = {_MOVED.format(column='settled_ns')} "
    "FROM (SELECT ?::bigint AS by, ?::bigint AS checked, ?::bigint AS now, ?::text[] AS channels) AS v "
    f"WHERE {OPEN} AND (v.channels IS NULL OR channel = ANY(v.channels))"
)
_RELEASE = f"UPDATE deliveries SET state = 'pending', due_ns = ? WHERE {OPEN} AND state = 'claimed'"
_RELEASE_OF = f"{_RELEASE} AND channel = ANY(?)"
_UNTRIED = (
    f"UPDATE deliveries SET due_ns = ? WHERE {OPEN} AND channel = ANY(?) AND due_ns > ? AND state = 'pending' "
    "AND attempts = 0"
)
"""What another courier did not move when the clock was set back."""
_NOT_LEASED = (
    "AND NOT EXISTS (SELECT 1 FROM leases AS l JOIN members AS m ON m.id = l.member "
    f"WHERE l.kind = '{CHANNEL}' AND l.name = channels.name AND m.{IS_ALIVE})"
)


class _HealthRow(NamedTuple):
    name: str
    health: bytes


class PostgresDeliveryQueue:
    """Implements DeliveryQueue. The lock of the courier makes it the only one that claims, or the leases of a fleet."""

    def __init__(self, database: Database, bodies: Bodies, member: str = "") -> None:
        """``member`` is the id of a courier that is a member of a fleet."""
        self._database = database
        self._leases = ChannelLeases(member)
        self._claims = Claims(database, bodies, self._leases)

    def own_channels(self, tokens: Mapping[str, int], now_ns: int) -> int:
        """As in DeliveryQueue."""
        self._leases.use(tokens)
        if not self._leases.gained:
            return 0
        with self._database.transaction() as statements:
            held = list(self._leases.held(statements, self._leases.gained))
            count = statements.execute(_RELEASE_OF, (now_ns, held)).rowcount
            statements.execute(_UNTRIED, (now_ns, held, now_ns + STEP_NS))
        self._leases.released()
        return count

    def claim(self, now_ns: int, lease_ns: int, capacity: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """As in DeliveryQueue."""
        return self._claims.claim(now_ns, lease_ns, capacity)

    def next_due(self, channels: Collection[str]) -> int | None:
        """As in DeliveryQueue."""
        return self._claims.next_due(channels)

    def due_times(self, channels: Collection[str]) -> dict[str, int]:
        """As in DeliveryQueue."""
        return self._claims.due_times(channels)

    def settle(self, settlements: Sequence[Settlement], health: Mapping[str, Health] | None = None) -> None:
        """As in DeliveryQueue."""
        if not settlements and not health:
            return

        def write(statements: Statements) -> None:
            apply(statements, settlements, self._leases)
            write_health(statements, health or {}, self._leases)

        self._database.run((settlements, health), write)

    def release(self, now_ns: int) -> int:
        """As in DeliveryQueue."""
        with self._database.transaction() as statements:
            channels = self._leases.all_held(statements)
            if channels is not None:
                return statements.execute(_RELEASE_OF, (now_ns, channels)).rowcount
            return statements.execute(_RELEASE, (now_ns,)).rowcount

    def put_back(self, ids: Collection[int], now_ns: int) -> None:
        """As in DeliveryQueue."""
        self._claims.put_back(ids, now_ns)

    def follow(self, step: Step, health: Mapping[str, Health]) -> None:
        """As in DeliveryQueue. A delivery that was never tried is due: no clock can make it wait."""

        def write(statements: Statements) -> None:
            channels = self._leases.all_held(statements)
            statements.execute(_FOLLOW, (step.by_ns, step.checked_ns, step.now_ns, channels))
            write_health(statements, health, self._leases)

        self._database.run((step, health), write)

    def latest_ns(self) -> int:
        """As in DeliveryQueue."""
        latest = "greatest(created_ns, coalesce(settled_ns, 0))"
        return self._database.number(f"SELECT coalesce(max({latest}), 0) FROM deliveries WHERE {OPEN}")

    def make_due_now(self, channel: str, now_ns: int) -> None:
        """As in DeliveryQueue."""
        with self._database.transaction() as statements:
            if not self._leases.held(statements, [channel]):
                return
            statements.execute(
                f"UPDATE deliveries SET due_ns = ? WHERE channel = ? AND {OPEN} AND due_ns > ? AND state = 'pending' "
                "AND attempts > 0",
                (now_ns, channel, now_ns),
            )

    def expire(self, channel: str, before_ns: int, now_ns: int, reason: str, limit: int) -> int:
        """As in DeliveryQueue, oldest first. Begins a transaction only where something expires."""
        expired = f"SELECT id FROM deliveries WHERE channel = ? AND {OPEN} AND state = 'pending' AND created_ns <= ?"
        if not self._database.rows(int, f"{expired} LIMIT 1", (channel, before_ns)):
            return 0
        with self._database.transaction() as statements:
            if not self._leases.held(statements, [channel]):
                return 0
            keys = statements.execute(
                "UPDATE deliveries SET state = 'dead', settled_ns = ?, reason = ?, status = NULL "
                f"WHERE id IN ({expired} ORDER BY created_ns, id LIMIT ?) RETURNING order_key",
                (now_ns, storable(reason), channel, before_ns, limit),
            ).fetchall()
            unblock_first(statements, [(channel, key) for (key,) in keys if key is not None])
            return len(keys)

    def waiting(self, channel: str, limit: int | None = None) -> int:
        """As in DeliveryQueue."""
        return self._database.number(
            f"SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE channel = ? AND {OPEN} LIMIT ?) AS found",
            (channel, limit),
        )

    def undelivered(self) -> int:
        """As in DeliveryQueue."""
        return self._database.number(f"SELECT count(*) FROM deliveries WHERE {OPEN}")

    def waiting_channels(self) -> list[str]:
        """As in DeliveryQueue. Costs by the number of channels, not of deliveries."""
        return self._database.rows(str, _CHANNELS)

    def health(self) -> dict[str, Health]:
        """As in DeliveryQueue."""
        rows = self._database.rows(_HealthRow, "SELECT name, health FROM channels")
        return {row.name: _health(row) for row in rows}

    def remove_health_except(self, channels: Collection[str]) -> None:
        """As in DeliveryQueue."""
        with self._database.transaction() as statements:
            which = _NOT_LEASED if self._leases.is_shared else ""
            statements.execute(f"DELETE FROM channels WHERE name <> ALL(?::text[]) {which}", (list(channels),))


def _health(row: _HealthRow) -> Health:
    """The stored health; that of a channel that was never used where it cannot be read."""
    try:
        return msgspec.json.decode(row.health, type=Health)
    except msgspec.MsgspecError as error:
        structlog.get_logger("journal").error("health unreadable", channel=row.name, problem=str(error))
        return Health()
