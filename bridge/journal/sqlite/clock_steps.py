"""Moves the times of open deliveries when the wall clock was set, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from bridge.common.clocks.clock import Step
from bridge.delivery import Health
from bridge.journal.sql.order_keys import OPEN
from bridge.journal.sqlite.database import Database

_MOVED = "CASE WHEN {column} BETWEEN ?2 AND ?3 THEN {column} ELSE {column} + ?1 END"
"""As ``Step.moved``."""


def follow(database: Database, step: Step, health: Mapping[str, Health]) -> None:
    """As in DeliveryQueue. A delivery that was never tried is due: no clock can make it wait."""
    with database.transaction() as connection:
        connection.execute(
            f"UPDATE deliveries SET created_ns = min({_MOVED.format(column='created_ns')}, ?3), "
            "due_ns = CASE WHEN state = 'pending' AND attempts = 0 THEN min(due_ns, ?3) "
            f"WHEN state = 'pending' THEN {_MOVED.format(column='due_ns')} ELSE due_ns + ?1 END, "
            f"settled_ns = {_MOVED.format(column='settled_ns')} WHERE {OPEN}",
            (step.by_ns, step.checked_ns, step.now_ns),
        )
        write_health(connection, health)


def latest_ns(database: Database) -> int:
    """As in DeliveryQueue."""
    latest = "max(created_ns, coalesce(settled_ns, 0))"
    return database.number(f"SELECT coalesce(max({latest}), 0) FROM deliveries WHERE {OPEN}")


def write_health(connection: sqlite3.Connection, health: Mapping[str, Health]) -> None:
    """Store the health of channels, within the caller's transaction."""
    connection.executemany(
        "INSERT INTO channels VALUES (?, ?) ON CONFLICT DO UPDATE SET health = excluded.health",
        [(name, msgspec.json.encode(each)) for name, each in health.items()],
    )
