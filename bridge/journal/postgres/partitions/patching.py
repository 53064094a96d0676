"""Replaces decisions that were pending when their alert was stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import structlog

from bridge.journal.codec import replace_pending
from bridge.journal.partitions import PartitionWrite
from bridge.journal.postgres.arrays import byteas, int8s
from bridge.journal.postgres.database import Statements
from bridge.routing import Decision

_LOCK = "SELECT seq, decisions FROM alerts WHERE seq = ANY(?) ORDER BY seq FOR NO KEY UPDATE"
_SET = (
    "UPDATE alerts AS a SET decisions = n.decisions FROM unnest(?::int8[], ?::bytea[]) AS n (seq, decisions) "
    "WHERE a.seq = n.seq"
)


def patch_decisions(statements: Statements, writes: Sequence[PartitionWrite]) -> frozenset[int]:
    """Store decisions of owners. Returns the alerts among them that are stored, and locks these.

    The locks make owners that decide about the same alert follow each other, so that each sees what the others sent.
    """
    new: defaultdict[int, list[Decision]] = defaultdict(list)
    for each in writes:
        for seq, decisions in each.decisions.items():
            new[seq] += decisions
    if not new:
        return frozenset()
    rows = statements.execute(_LOCK, (int8s(sorted(new)),)).fetchall()
    changed = [(seq, found) for seq, before in rows if (found := _replaced(seq, before, new[seq])) is not None]
    statements.execute(_SET, (int8s([each[0] for each in changed]), byteas([each[1] for each in changed])))
    return frozenset(each[0] for each in rows)


def _replaced(seq: int, before: bytes, new: Sequence[Decision]) -> bytes | None:
    """The decisions; None where those that are stored cannot be read. What follows from the new ones is sent."""
    try:
        return replace_pending(before, new)
    except msgspec.MsgspecError as error:
        structlog.get_logger("journal").error("decisions unreadable", alert_seq=seq, problem=str(error))
        return None
