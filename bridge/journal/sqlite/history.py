"""What the journal can tell of what came in, what was decided and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.delivery.delivery import DeliveryState
from bridge.journal.codec import decode_decisions
from bridge.journal.sqlite.journal import Journal
from bridge.routing import Decision


@dataclass(frozen=True, slots=True)
class RecordedAlert:
    """An alert as it was kept, with what the routes made of it."""

    alert: Alert
    road: str
    received_ns: int
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery's last word, for an operator."""

    id: int
    alert_id: str
    channel: str
    state: DeliveryState
    attempts: int
    status: int | None
    reason: str
    digest: int | None
    """The first delivery of the digest that it went in, where it did."""


def recorded(journal: Journal) -> Iterator[RecordedAlert]:
    """Every kept alert, oldest first, read in pages so that memory stays flat."""
    last = 0
    while rows := journal.read(
        "SELECT seq, id, received_ns, road, body, decisions FROM alerts WHERE seq > ? ORDER BY seq LIMIT 500",
        (last,),
    ):
        for seq, identity, received_ns, road, body, decisions in rows:
            assert isinstance(seq, int)
            assert isinstance(identity, bytes)
            assert isinstance(received_ns, int)
            assert isinstance(body, bytes)
            assert isinstance(decisions, bytes)
            yield RecordedAlert(journal.alert(identity, body), str(road), received_ns, decode_decisions(decisions))
            last = seq


def deliveries(journal: Journal, state: DeliveryState | None = None) -> Iterator[DeliveryRecord]:
    """Every delivery, or those in one state, in the order in which they were made."""
    rows = journal.read(
        "SELECT d.id, a.id, d.channel, d.state, d.attempts, d.status, d.reason, d.digest "
        "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert WHERE ?1 IS NULL OR d.state = ?1 ORDER BY d.id",
        (None if state is None else state.value,),
    )
    for identity, alert_id, channel, kept_state, attempts, status, reason, digest in rows:
        assert isinstance(identity, int)
        assert isinstance(alert_id, bytes)
        assert isinstance(attempts, int)
        assert status is None or isinstance(status, int)
        assert digest is None or isinstance(digest, int)
        yield DeliveryRecord(
            identity,
            alert_id.hex(),
            str(channel),
            DeliveryState(str(kept_state)),
            attempts,
            status,
            str(reason),
            digest,
        )


def delivery_counts(journal: Journal) -> Counter[tuple[str, DeliveryState]]:
    """How many deliveries each channel has in each state."""
    rows = journal.read("SELECT channel, state, count(*) FROM deliveries GROUP BY channel, state")
    counts: Counter[tuple[str, DeliveryState]] = Counter()
    for channel, state, count in rows:
        assert isinstance(count, int)
        counts[str(channel), DeliveryState(str(state))] = count
    return counts


def quarantined(journal: Journal) -> list[tuple[str, str, bytes]]:
    """Road, reason and bytes of each refused message that is still kept, oldest first."""
    rows = journal.read("SELECT road, reason, raw FROM quarantine ORDER BY seq")
    return [(str(road), str(reason), raw) for road, reason, raw in rows if isinstance(raw, bytes)]
