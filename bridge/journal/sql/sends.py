"""Which due deliveries are sent together, and how their rows become deliveries. Both engines share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from bridge.alert import Alert
from bridge.delivery import Capacity, Delivery
from bridge.journal.codec import decode_notification
from bridge.journal.errors import UnreadableError
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.order_keys import has_own_send
from bridge.routing import Notification


class DueRow(NamedTuple):
    """A delivery that may be sent now, with its alert as it is stored."""

    id: int
    channel: str
    order_key: int | None
    notification: bytes
    attempts: int
    created_ns: int
    alert_id: bytes
    body: bytes
    due_ns: int


class ReadyRow(NamedTuple):
    """A delivery that may be claimed."""

    id: int
    channel: str
    order_key: int | None
    due_ns: int


class ClaimedRow(NamedTuple):
    """A delivery that was claimed, with its alert as it is stored."""

    id: int
    channel: str
    notification: bytes
    attempts: int
    created_ns: int
    alert_id: bytes
    body: bytes


class AlertRow(NamedTuple):
    """An alert as it is stored."""

    id: bytes
    body: bytes


_Row = TypeVar("_Row", DueRow, ReadyRow)


def gathered(
    rows: Iterable[_Row], capacity: Capacity, followers: Callable[[_Row, int, int], Sequence[_Row]]
) -> Iterator[list[_Row]]:
    """Up to ``capacity.sends`` lists of deliveries of one channel, from those that may begin a send.

    ``followers(row, limit, wanted)`` returns what is due behind the first delivery of an order key, ``limit`` of which
    are used; ``wanted`` is how many more deliveries all sends have room for.
    """
    sends, send = 0, list[_Row]()
    for row in rows:
        is_alone = has_own_send(row.order_key) or (capacity.incidents_apart and row.order_key is not None)
        if sends + bool(send) == capacity.sends and (is_alone or not send):
            break
        if is_alone:
            sends += 1
            yield [row]
            continue
        send.append(row)
        limit = capacity.batch_size - len(send)
        send += followers(row, limit, limit + 1 + capacity.batch_size * (capacity.sends - sends - 1))[:limit]
        if len(send) == capacity.batch_size:
            sends += 1
            yield send
            send = []
    if send:
        yield send


def read_delivery(
    row: DueRow | ClaimedRow, bodies: Bodies, alerts: Callable[[Sequence[bytes]], Iterable[AlertRow]]
) -> Delivery:
    """The delivery of this row. ``alerts`` reads alerts by id, in the order of their ids.

    Raises UnreadableError if the alert or the notification cannot be read.
    """
    alert = bodies.decode(row.alert_id, row.body)
    try:
        notification = decode_notification(row.channel, row.notification)
    except (msgspec.MsgspecError, ValueError, KeyError, IndexError) as error:
        raise UnreadableError(f"the notification of delivery {row.id} cannot be read ({error})") from error
    named = _named(notification, bodies, alerts)
    return Delivery(row.id, alert, notification, row.attempts, row.created_ns, named)


def _named(
    notification: Notification, bodies: Bodies, alerts: Callable[[Sequence[bytes]], Iterable[AlertRow]]
) -> tuple[Alert, ...]:
    """The alerts that the message shows besides the one that it is about."""
    ids = () if notification.context is None else notification.context.shown_alerts
    if not ids:
        return ()
    return tuple(bodies.decode_or_stand_in(row.id, row.body) for row in alerts(list(map(bytes.fromhex, ids))))
