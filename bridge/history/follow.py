"""Waits for alerts that are stored while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from bridge.history.wanted import Wanted
from bridge.journal.protocols import History
from bridge.journal.records import RecordedAlert

_POLL_SECONDS = 0.3


def follow(
    history: History, wanted: Wanted, first: int, wait: Callable[[float], None] = time.sleep
) -> Iterator[RecordedAlert]:
    """The wanted alerts from number ``first`` on, each when it is decided. Endless."""
    while True:
        for each in history.read(range(first, history.decided_span().stop)):
            first = each.number + 1
            if wanted.holds(each):
                yield each
        wait(_POLL_SECONDS)
