"""Compares the notifications of two sets of routes: what is gained, lost or changed for whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from bridge.alert import Alert
from bridge.alert.alert import text_length
from bridge.routing.notification import Notification, NotificationKind

PENDING = 20_000
"""How many notifications may wait for their counterpart."""
_LARGEST = 16 << 10
"""Characters of an alert that is stored meanwhile."""


class Change(StrEnum):
    """What becomes of a notification."""

    GAINED = "gained"
    """Only the new routes send it."""
    LOST = "lost"
    """Only the old routes send it."""
    CHANGED = "changed"
    """Both send it, with another severity or another text."""


class Notified(msgspec.Struct, frozen=True, gc=False):
    """A notification, when it was sent and what it is about."""

    notification: Notification
    at_ns: int
    alert_id: str
    alert: Alert | None
    """The alert that it is about; None if it is not known any more."""


class Difference(msgspec.Struct, frozen=True, gc=False):
    """One notification that differs for a channel, or for a route to that channel."""

    change: Change
    channel: str
    route: str
    """Empty for the channel itself, whichever routes send it."""
    notified: Notified
    """The new one; of a lost one the old one."""


_Key = tuple[str, str, str, NotificationKind]
"""Channel, route, the alert that it is about, and the kind."""


class Comparison:
    """Pairs the notifications of the old routes with those of the new ones.

    The same notification is about the same alert, and of the same kind. The new routes may send it at another time:
    where routes have memory, a notification waits for its counterpart for as long as the limit allows.
    """

    def __init__(self, *, patient: bool, limit: int = PENDING) -> None:
        """``patient`` is whether a counterpart may come later, ``limit`` how many notifications wait for theirs."""
        self._patient = patient
        self._limit = limit
        self._waiting: dict[tuple[_Key, Change], list[Notified]] = {}
        self._count = 0

    def compare(self, old: Iterable[Notified], new: Iterable[Notified]) -> Iterator[Difference]:
        """What is known after these notifications, which one alert or its time caused."""
        before, after = _by_key(old), _by_key(new)
        for key in {**before, **after}:
            both = min(len(before.get(key, ())), len(after.get(key, ())))
            yield from self._changed(key, before.get(key, [])[:both], after.get(key, [])[:both])
            for each in before.get(key, [])[both:]:
                yield from self._unpaired(key, Change.LOST, each)
            for each in after.get(key, [])[both:]:
                yield from self._unpaired(key, Change.GAINED, each)
        while self._count > self._limit:
            yield from self._take_oldest()

    def finish(self, before_ns: int | None = None) -> Iterator[Difference]:
        """Report what waits without a counterpart: all of it, or what was sent before that time."""
        while self._waiting and (before_ns is None or next(iter(self._waiting.values()))[0].at_ns < before_ns):
            yield from self._take_oldest()

    def _unpaired(self, key: _Key, change: Change, notified: Notified) -> Iterator[Difference]:
        if not self._patient:
            yield _difference(key, change, notified)
            return
        opposite = (key, Change.LOST if change is Change.GAINED else Change.GAINED)
        waiting = self._waiting.get(opposite)
        if waiting is None:
            if notified.alert is not None and text_length(notified.alert) > _LARGEST:
                notified = msgspec.structs.replace(notified, alert=None)
            self._waiting.setdefault((key, change), []).append(notified)
            self._count += 1
            return
        counterpart = waiting.pop(0)
        self._count -= 1
        if not waiting:
            del self._waiting[opposite]
        pair = (counterpart, notified) if change is Change.GAINED else (notified, counterpart)
        yield from self._changed(key, [pair[0]], [pair[1]])

    def _take_oldest(self) -> Iterator[Difference]:
        key, change = next(iter(self._waiting))
        waiting = self._waiting.pop((key, change))
        self._count -= len(waiting)
        for each in waiting:
            yield _difference(key, change, each)

    def _changed(self, key: _Key, old: list[Notified], new: list[Notified]) -> Iterator[Difference]:
        """Of the channel only: the text and severity of a notification are those of all its routes."""
        if key[1]:
            return
        for before, after in zip(old, new, strict=True):
            if _seen(before.notification) != _seen(after.notification):
                yield _difference(key, Change.CHANGED, after)


def _difference(key: _Key, change: Change, notified: Notified) -> Difference:
    return Difference(change, key[0], key[1], notified)


def _by_key(several: Iterable[Notified]) -> dict[_Key, list[Notified]]:
    found: dict[_Key, list[Notified]] = {}
    for each in several:
        context = each.notification.context
        kind = NotificationKind.SINGLE if context is None else context.kind
        for route in ("", *each.notification.routes):
            found.setdefault((each.notification.channel, route, each.alert_id, kind), []).append(each)
    return found


def _seen(notification: Notification) -> object:
    """What people see of a notification, as far as routes decide it."""
    return notification.severity, notification.title, notification.message
