"""What a storage engine gives the conformance suite: a way to open one journal in every role, and to make it fail."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bridge.delivery import Capacity
from bridge.journal.protocols import Journal


@dataclass(frozen=True)
class Engine:
    """One journal, empty at first."""

    open_for_router: Callable[[], Journal]
    open_to_write: Callable[[], Journal]
    open_to_read: Callable[[], Journal]
    full: Callable[[], AbstractContextManager[Journal]]
    """A journal for a writer on a full disk: it can be read, and every write fails."""
    open_code: str
    """A Python expression that opens it for a writer, for other processes."""
    settled: Callable[[], None] = lambda: None
    """Waits until a writer that was killed can no longer commit."""


def claimed(journal: Journal, capacity: Capacity, now_ns: int = 0, channel: str = "chat") -> list[list[str]]:
    """The sends of one claim, each delivery as its route and its alert's number: ``a0``."""
    sends = journal.deliveries.claim(now_ns, 1000, {channel: capacity})
    return [[f"{each.notification.routes[0]}{each.alert.time_ns}" for each in send] for send in sends]
