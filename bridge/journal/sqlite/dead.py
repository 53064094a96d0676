"""Dead letters, each with its whole story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.journal.codec import decode_notification
from bridge.journal.sqlite.journal import Journal

_PAGE = 200


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One failed attempt."""

    number: int
    at_ns: int
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was refused for good or given up. Moments are nanoseconds since the epoch."""

    id: int
    channel: str
    routes: tuple[str, ...]
    alert: Alert
    made_ns: int
    died_ns: int
    attempts: int
    """How many there were; the journal keeps the first and the last ones."""
    status: int | None
    reason: str


def dead_counts(journal: Journal) -> dict[str, int]:
    """How many dead letters there are now, by channel; what was sent again or discarded is none any more."""
    rows = journal.read("SELECT channel, count(*) FROM deliveries WHERE state = 'dead' GROUP BY channel")
    return {str(channel): count for channel, count in rows if isinstance(count, int)}


def dead_letters(journal: Journal, channel: str | None = None, identity: int | None = None) -> Iterator[DeadLetter]:
    """All of them, one channel's, or the one of that id; oldest first, read in pages so that memory stays flat."""
    last = 0
    while rows := journal.read(
        "SELECT d.id, d.channel, d.notification, a.id, a.body, d.created_ns, d.settled_ns, d.attempts, d.status, "
        "d.reason FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert "
        "WHERE d.state = 'dead' AND d.id > ?1 AND (?2 IS NULL OR d.channel = ?2) AND (?3 IS NULL OR d.id = ?3) "
        f"ORDER BY d.id LIMIT {_PAGE}",
        (last, channel, identity),
    ):
        for row in rows:
            letter = _letter(journal, row)
            yield letter
            last = letter.id


def dead_ids(journal: Journal, channel: str | None = None) -> list[int]:
    """The ids alone, of all or of one channel's."""
    rows = journal.read(
        "SELECT id FROM deliveries WHERE state = 'dead' AND (?1 IS NULL OR channel = ?1) ORDER BY id", (channel,)
    )
    return [identity for (identity,) in rows if isinstance(identity, int)]


def attempts_of(journal: Journal, identity: int) -> list[AttemptRecord]:
    """The failed attempts of a delivery that are kept, in order."""
    rows = journal.read(
        "SELECT number, at_ns, status, reason FROM attempts WHERE delivery = ? ORDER BY number", (identity,)
    )
    return [_tried(row) for row in rows]


def _tried(row: Sequence[object]) -> AttemptRecord:
    number, at_ns, status, reason = row
    assert isinstance(number, int)
    assert isinstance(at_ns, int)
    assert status is None or isinstance(status, int)
    return AttemptRecord(number, at_ns, status, str(reason))


def _letter(journal: Journal, row: Sequence[object]) -> DeadLetter:
    identity, channel, notification, alert_id, body, made_ns, died_ns, attempts, status, reason = row
    assert isinstance(identity, int)
    assert isinstance(notification, bytes)
    assert isinstance(alert_id, bytes)
    assert isinstance(body, bytes)
    assert isinstance(made_ns, int)
    assert isinstance(died_ns, int)
    assert isinstance(attempts, int)
    assert status is None or isinstance(status, int)
    alert = journal.alert(alert_id, body)
    routes = decode_notification(str(channel), notification).routes
    return DeadLetter(identity, str(channel), routes, alert, made_ns, died_ns, attempts, status, str(reason))
