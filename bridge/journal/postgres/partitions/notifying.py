"""Stores the notifications of owners. Those of one alert to one channel become one delivery while that is possible."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from bridge.journal.codec import decode_notification, encode_notification
from bridge.journal.partitions import Merging, PartitionWrite
from bridge.journal.postgres.appending.new_deliveries import (
    NewDelivery,
    about_others,
    add_deliveries,
    size_of,
    take_numbers,
)
from bridge.journal.postgres.arrays import int8s, texts
from bridge.journal.postgres.database import Statements
from bridge.journal.postgres.tables.migrations import NEW
from bridge.journal.sql.order_keys import order_key
from bridge.routing import Notification

_SAFE_NS = 50_000_000
"""A delivery that is due so soon may be claimed while it changes."""
_SAME = (
    "SELECT d.id, d.alert_seq, d.channel, d.notification, d.state = 'pending' AND d.attempts = 0 AND d.due_ns > ? "
    "FROM unnest(?::int8[], ?::text[]) AS k (alert_seq, channel) "
    "JOIN deliveries AS d ON d.alert_seq = k.alert_seq AND d.channel = k.channel ORDER BY d.id"
)
_LOCK = (
    "SELECT id FROM deliveries WHERE id = ANY(?) AND state = 'pending' AND attempts = 0 "
    "AND due_ns > ? FOR UPDATE SKIP LOCKED"
)
"""Time has passed since they were read; the process may even have been frozen."""
_CHANGE = (
    "UPDATE deliveries AS d SET notification = c.notification, order_key = coalesce(d.order_key, c.order_key), "
    "blocked = CASE WHEN d.order_key IS NULL THEN c.blocked ELSE d.blocked END "
    "FROM unnest(?::int8[], ?::bytea[], ?::int8[], ?::int2[]) AS c (id, notification, order_key, blocked) "
    "WHERE d.id = c.id"
)
"""A delivery stays in its order key: others may wait behind it."""
_UNDECIDED = "SELECT DISTINCT alert_seq FROM matches WHERE alert_seq = ANY(?)"
_DUE = "UPDATE deliveries SET due_ns = ? WHERE alert_seq = ANY(?) AND state = 'pending' AND attempts = 0 AND due_ns > ?"

_Key = tuple[int, str]


def notify(
    statements: Statements, writes: Sequence[PartitionWrite], stored: Collection[int], merging: Merging, now_ns: int
) -> tuple[int, int, int]:
    """How many deliveries were added, how many notifications were merged into another one, and how many were not."""
    about = _merged_here(writes, stored, merging)
    decided = sorted({seq for each in writes for seq in each.decisions} & set(stored))
    undecided = {seq for (seq,) in statements.execute(_UNDECIDED, (int8s(decided),)).fetchall()} if decided else set()
    left, merged, apart = _merge(statements, about, merging)
    new: list[NewDelivery] = [
        (seq, each.channel, order_key(each), encode_notification(each), seq in undecided and merging.may_merge(each))
        for seq, each in left
    ]
    new += about_others(statements, [each for write in writes for each in write.notifications])[1]
    if new:
        _, first_id = take_numbers(statements, 0, len(new), size_of(new))
        add_deliveries(statements, first_id, new, now_ns)
    released = [seq for seq in decided if seq not in undecided]
    if released:
        statements.execute(_DUE, (now_ns, int8s(released), now_ns))
    return len(new), merged, apart


def _merged_here(
    writes: Sequence[PartitionWrite], stored: Collection[int], merging: Merging
) -> list[tuple[int, Notification]]:
    """The notifications about stored alerts; of several that may merge, one."""
    single: list[tuple[int, Notification]] = []
    by_key: dict[_Key, Notification] = {}
    for each in writes:
        for seq, notification in each.about:
            if seq not in stored:
                continue
            if not merging.may_merge(notification):
                single.append((seq, notification))
                continue
            key = (seq, notification.channel)
            before = by_key.get(key)
            by_key[key] = notification if before is None else merging.merged(before, notification)
    return single + [(seq, notification) for (seq, _), notification in by_key.items()]


def _merge(
    statements: Statements, about: Sequence[tuple[int, Notification]], merging: Merging
) -> tuple[list[tuple[int, Notification]], int, int]:
    """What is left to send of its own, and how many were merged, or could not be."""
    wanted = {(seq, each.channel): each for seq, each in about if merging.may_merge(each)}
    if not wanted:
        return list(about), 0, 0
    seqs, channels = int8s([key[0] for key in wanted]), texts([key[1] for key in wanted])
    rows = statements.execute(_SAME, (merging.now_ns() + _SAFE_NS, seqs, channels)).fetchall()
    candidates = {each[0]: (each, _decoded(each, merging)) for each in rows}
    candidates = {number: each for number, each in candidates.items() if each[1] is not None}
    open_ids = [number for number, (row, _) in candidates.items() if row[4]]
    safe_ns = merging.now_ns() + _SAFE_NS
    locked = {number for (number,) in statements.execute(_LOCK, (open_ids, safe_ns)).fetchall()} if open_ids else set()
    merged: set[_Key] = set()
    apart: set[_Key] = set()
    changes: list[tuple[int, bytes, int | None, int]] = []
    for number, (row, before) in candidates.items():
        key = (row[1], row[2])
        if number not in locked or key in merged:
            apart.add(key)
            continue
        assert before is not None
        after = merging.merged(before, wanted[key])
        order = order_key(after)
        changes.append((number, encode_notification(after), order, 0 if order is None else NEW))
        merged.add(key)
    if changes:
        statements.execute(_CHANGE, tuple(list(column) for column in zip(*changes, strict=True)))
    left = [(seq, each) for seq, each in about if (seq, each.channel) not in merged or not merging.may_merge(each)]
    return left, len(merged), len(apart - merged)


def _decoded(row: Sequence[Any], merging: Merging) -> Notification | None:
    """The notification of a delivery; None if it cannot be merged: it is no single one, or cannot be read."""
    try:
        found = decode_notification(row[2], row[3])
    except (msgspec.MsgspecError, ValueError):  # the courier makes it a dead letter
        return None
    return found if merging.may_merge(found) else None
