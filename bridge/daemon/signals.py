"""Signals: SIGTERM, SIGINT and SIGHUP stop the bridge, SIGUSR2 replaces its process."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SAME_SECONDS = 0.1
"""Signals within this time count as one: ``timeout`` signals its child, and then its child's process group."""


def on_stop_signal(action: Callable[[], None]) -> None:
    """Call ``action`` in a thread of its own for each stop signal, those included that came while they were blocked.

    SIGHUP means that the terminal was closed. Where it is ignored, as under ``nohup``, it stays ignored.
    The handler only fills a queue: it runs in the middle of what the main thread does, and an Event that is just
    being set there would deadlock. A SimpleQueue can be filled at any moment.
    """
    _on_signals(STOP_SIGNALS, action)


def on_restart_signal(action: Callable[[], None]) -> None:
    """Call ``action`` in a thread of its own for each SIGUSR2."""
    _on_signals((signal.SIGUSR2,), action)


def _on_signals(numbers: Sequence[signal.Signals], action: Callable[[], None]) -> None:
    received: SimpleQueue[float] = SimpleQueue()

    def handle(_number: int, _frame: FrameType | None) -> None:
        received.put(time.monotonic())

    def act() -> None:
        last = -_SAME_SECONDS
        while True:
            at = received.get()
            if at - last >= _SAME_SECONDS:
                last = at
                action()

    threading.Thread(target=act, name="signals", daemon=True).start()
    for number in numbers:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, handle)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
