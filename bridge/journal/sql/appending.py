"""What the alert logs of both engines share: the quarantine's bounds, checkpoints, and the entries that are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from bridge.alert.rejected import RejectedMessage
from bridge.journal.sql.database import Connection, Database
from bridge.routing import Entry

QUARANTINE_ROWS = 1000
"""How many rejected messages are stored; the oldest are removed."""
_QUARANTINE_BYTES = 64 << 10


class _PartRow(NamedTuple):
    part: str
    position: str


def quarantine_rows(
    source_name: str, received_ns: int, rejected: Iterable[RejectedMessage]
) -> list[tuple[int, str, str, bytes]]:
    """Time, source, reason and bytes of each message, as the quarantine stores them."""
    return [(received_ns, source_name, each.reason, each.raw[:_QUARANTINE_BYTES]) for each in rejected]


def fresh_entries(entries: Iterable[Entry], known: Callable[[list[str]], Iterable[str]]) -> list[Entry]:
    """The entries whose alert is not stored, each alert once. ``known`` returns those of the ids that are stored."""
    fresh: dict[str, Entry] = {}
    for entry in entries:
        fresh.setdefault(entry.alert.id, entry)
    for alert_id in known(list(fresh)):
        del fresh[alert_id]
    return list(fresh.values())


def read_checkpoint(database: Database, source_name: str) -> dict[str, str]:
    """The position of each part of a source."""
    rows = database.rows(_PartRow, "SELECT part, position FROM checkpoints WHERE source_name = ?", (source_name,))
    return {row.part: row.position for row in rows}


def move_checkpoint(connection: Connection, source_name: str, positions: Mapping[str, str | None]) -> None:
    """Store the position of each part, and remove the parts without one."""
    moved = [(source_name, part, position) for part, position in positions.items() if position is not None]
    connection.executemany(
        "INSERT INTO checkpoints VALUES (?, ?, ?) "
        "ON CONFLICT (source_name, part) DO UPDATE SET position = excluded.position",
        moved,
    )
    connection.executemany(
        "DELETE FROM checkpoints WHERE source_name = ? AND part = ?",
        [(source_name, part) for part, position in positions.items() if position is None],
    )
