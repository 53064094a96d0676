"""Stores alerts, deliveries and matches by one statement, which takes their numbers too.

The row with the last numbers is locked from there until the end of the transaction, so nothing else happens meanwhile:
no answer of the bridge is waited for, and one that is frozen holds the row for as long as its session may be idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bridge.journal.postgres.appending.new_deliveries import MERGE_NS, NewDelivery
from bridge.journal.postgres.arrays import bools, byteas, int2s, int8s
from bridge.journal.postgres.database import Statements
from bridge.journal.postgres.tables.migrations import NEW

_STORE = (
    "WITH n AS (UPDATE counters SET alerts = alerts + ?, deliveries = deliveries + ?, bytes = bytes + ? "
    "RETURNING alerts - ?::int8 AS alert, deliveries - ?::int8 AS delivery), "
    "a AS (INSERT INTO alerts (seq, id, received_ns, source_name, body, decisions) "
    "SELECT n.alert + u.at, u.id, ?::int8, ?::text, u.body, u.decisions "
    "FROM n, unnest(?::bytea[], ?::bytea[], ?::bytea[]) WITH ORDINALITY AS u (id, body, decisions, at)), "
    "m AS (INSERT INTO matches (partition, alert_seq, body) SELECT u.partition, n.alert + u.at, u.body "
    "FROM n, unnest(?::int2[], ?::int8[], ?::bytea[]) AS u (partition, at, body)) "
    "INSERT INTO deliveries (id, alert_seq, channel, order_key, notification, due_ns, created_ns, blocked) "
    "SELECT n.delivery + u.number, CASE WHEN u.at > 0 THEN n.alert + u.at ELSE -u.at END, u.channel, u.order_key, "
    "u.notification, CASE WHEN u.waits THEN ?::int8 ELSE ?::int8 END, ?::int8, "
    f"CASE WHEN u.order_key IS NULL THEN 0 ELSE {NEW} END "
    "FROM n, unnest(?::int8[], ?::text[], ?::int8[], ?::bytea[], ?::bool[]) "
    "WITH ORDINALITY AS u (at, channel, order_key, notification, waits, number)"
)

"""A delivery is about an alert by its place in the batch, from 1 on, or by its number, which is then negative."""


class NewRows(NamedTuple):
    """What one append stores under new numbers. The places of alerts are those in the batch."""

    alerts: Sequence[tuple[bytes, bytes, bytes]]
    """Id, body and decisions."""
    deliveries: Sequence[NewDelivery]
    """With the place of the alert instead of its number."""
    earlier: Sequence[NewDelivery]
    matches: Sequence[tuple[int, int, bytes]]
    """Place of the alert, partition, body."""


def store(statements: Statements, source_name: str, now_ns: int, rows: NewRows, size: int) -> int:
    """Store all of it, which takes ``size`` bytes. Returns the number of deliveries."""
    deliveries = [(new[0] + 1, *new[1:]) for new in rows.deliveries]
    deliveries += [(-new[0], *new[1:]) for new in rows.earlier]
    taken = len(rows.alerts), len(deliveries)
    statements.execute(
        _STORE,
        (
            *taken, size, *taken,
            now_ns, source_name, *(byteas([each[column] for each in rows.alerts]) for column in range(3)),
            int2s([each[1] for each in rows.matches]), int8s([each[0] + 1 for each in rows.matches]),
            byteas([each[2] for each in rows.matches]),
            now_ns + MERGE_NS, now_ns, now_ns,
            int8s([each[0] for each in deliveries]), [each[1] for each in deliveries],
            int8s([each[2] for each in deliveries]), byteas([each[3] for each in deliveries]),
            bools([each[4] for each in deliveries]),
        ),
    )  # fmt: skip
    return len(deliveries)
