"""When each alert is told: once or over and over, all at once or at a steady rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from bridge.simulate.recording import Recording

_TICK_SECONDS = 0.005
_BURST = 1000
"""Alerts that are handed on together where no rate is asked for."""


Item = TypeVar("Item")
"""An alert, in whatever form."""


def paced(alerts: Iterable[Item], rate: float | None, stop: threading.Event) -> Iterator[list[Item]]:
    """The alerts in pieces, each as it falls due: ``rate`` alerts a second, or None for as fast as they are taken.

    What is due is told from the start, so that a late piece is made up for and the rate does not drift. Ends early
    once ``stop`` is set.
    """
    remaining = iter(alerts)
    if rate is None:
        yield from _pieces(remaining, stop)
        return
    start, told = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - start) * rate) + 1
        piece = list(islice(remaining, due - told))
        if piece:
            yield piece
        if len(piece) < due - told:
            return
        told = due
        stop.wait(max(_TICK_SECONDS, start + told / rate - time.monotonic()))


def _pieces(alerts: Iterator[Item], stop: threading.Event) -> Iterator[list[Item]]:
    while not stop.is_set():
        piece = list(islice(alerts, _BURST))
        if not piece:
            return
        yield piece


def endlessly(alerts: Sequence[Recording], now_ns: Callable[[], int] = time.time_ns) -> Iterator[Recording]:
    """The alerts over and over, each happening as it is told: with its own time again it would be the same alert.

    Times rise strictly, however coarse the clock.
    """
    last = 0
    while True:
        for alert in alerts:
            last = max(last + 1, now_ns())
            yield alert.at(last)


def from_node(alerts: Iterable[Recording], hostname: str) -> Iterator[Recording]:
    """The alerts as another node's."""
    return (alert.on(hostname) for alert in alerts)
