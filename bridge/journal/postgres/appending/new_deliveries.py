"""New deliveries in PostgreSQL: their numbers, the alerts that they are about, and their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bridge.journal.codec import encode_notification
from bridge.journal.postgres.database import Statements
from bridge.journal.postgres.tables.migrations import NEW
from bridge.journal.sql.order_keys import order_key
from bridge.routing import Notification

ALERT_BYTES, DELIVERY_BYTES = 160, 250
"""What a row takes besides its texts, with its entries in the indexes."""
MERGE_NS = 500_000_000
"""How long a delivery waits for other routes of its alert, whose owners have not decided yet."""
_COLUMNS = ("id", "alert_seq", "channel", "order_key", "notification", "due_ns", "created_ns", "blocked")
_TYPES = ("int8", "int8", "text", "int8", "bytea", "int8", "int8", "int2")

NewDelivery = tuple[int, str, int | None, bytes, bool]
"""The number of the alert, channel, order key and notification of a delivery, and whether it waits for ``MERGE_NS``."""


def take_numbers(statements: Statements, alerts: int, deliveries: int, size: int) -> tuple[int, int]:
    """The first numbers of that many alerts and deliveries. Others wait for the end of the transaction."""
    found = statements.execute(
        "UPDATE counters SET alerts = alerts + ?, deliveries = deliveries + ?, bytes = bytes + ? "
        "RETURNING alerts, deliveries",
        (alerts, deliveries, size),
    ).fetchone()
    assert found is not None
    return found[0] - alerts + 1, found[1] - deliveries + 1


def add_deliveries(statements: Statements, first_id: int, new: Sequence[NewDelivery], now_ns: int) -> None:
    """Store deliveries, with numbers from ``first_id`` on."""
    statements.copy(
        "deliveries", _COLUMNS, _TYPES,
        [(number, seq, channel, key, body, now_ns + MERGE_NS if waits else now_ns, now_ns, 0 if key is None else NEW)
         for number, (seq, channel, key, body, waits) in enumerate(new, first_id)],
    )  # fmt: skip


def size_of(new: Iterable[NewDelivery]) -> int:
    """About how many bytes they take."""
    return sum(DELIVERY_BYTES + len(each[3]) for each in new)


def about_others(
    statements: Statements,
    notifications: Iterable[Notification],
    places: Mapping[str, int] = {},  # not changed
) -> tuple[list[NewDelivery], list[NewDelivery]]:
    """The deliveries that are about alerts of the batch, by their ``places`` in it, and those about stored alerts.

    An alert may be gone, because its notification waited for longer than alerts are stored; then another alert that the
    notification names takes its place. If all are gone, there is nothing left to send.
    """
    here: list[NewDelivery] = []
    earlier: list[NewDelivery] = []
    for notification in notifications:
        named = notification.context.alerts if notification.context is not None else ()
        for alert_id in dict.fromkeys(each for each in (notification.about, *named) if each is not None):
            place = places.get(alert_id)
            number = _stored(statements, alert_id) if place is None else None
            if place is None and number is None:
                continue
            rest = notification.channel, order_key(notification), encode_notification(notification), False
            if place is not None:
                here.append((place, *rest))
            elif number is not None:
                earlier.append((number, *rest))
            break
    return here, earlier


def _stored(statements: Statements, alert_id: str) -> int | None:
    """The number of a stored alert, which is not removed before the transaction ends."""
    found = statements.execute(
        "SELECT seq FROM alerts WHERE id = ? FOR KEY SHARE", (bytes.fromhex(alert_id),)
    ).fetchone()
    return None if found is None else int(found[0])
