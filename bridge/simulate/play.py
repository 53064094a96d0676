"""Decides when each alert is played: once or repeatedly, all at once or at a steady rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from bridge.simulate.recording import Recording

_TICK_SECONDS = 0.005
_BURST = 1000
"""Alerts per piece if there is no rate."""


Item = TypeVar("Item")
"""An alert, in any form."""


def paced(alerts: Iterable[Item], rate: float | None, stop: threading.Event) -> Iterator[list[Item]]:
    """Yield the alerts in pieces, ``rate`` alerts per second, or as fast as they are taken if it is None.

    Due alerts are counted from the start, so that the rate does not drift.
    Ends early once ``stop`` is set.
    """
    remaining = iter(alerts)
    if rate is None:
        yield from _pieces(remaining, stop)
        return
    start, played = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - start) * rate) + 1
        piece = list(islice(remaining, due - played))
        if piece:
            yield piece
        if len(piece) < due - played:
            return
        played = due
        stop.wait(max(_TICK_SECONDS, start + played / rate - time.monotonic()))


def _pieces(alerts: Iterator[Item], stop: threading.Event) -> Iterator[list[Item]]:
    while not stop.is_set():
        piece = list(islice(alerts, _BURST))
        if not piece:
            return
        yield piece


def endlessly(alerts: Sequence[Recording], now_ns: Callable[[], int] = time.time_ns) -> Iterator[Recording]:
    """Repeat the alerts, each with the current time: with its own time it would be a duplicate.

    Times increase strictly, even if the clock is coarse.
    """
    last = 0
    while True:
        for alert in alerts:
            last = max(last + 1, now_ns())
            yield alert.at(last)


def from_node(alerts: Iterable[Recording], hostname: str) -> Iterator[Recording]:
    """The alerts, from another node."""
    return (alert.on(hostname) for alert in alerts)
