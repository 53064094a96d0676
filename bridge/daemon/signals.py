"""Being asked to stop, from the terminal or by whoever runs us."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SAME_SECONDS = 0.1
"""What comes within so long is the same wish: ``timeout`` signals its child, and then its child's group."""


def on_stop_signal(action: Callable[[], None]) -> None:
    """Call ``action`` in a thread of its own each time that one of them comes, or has come and was held back.

    SIGHUP tells that the terminal was closed; where it is ignored, as under ``nohup``, it stays so.
    Not in the handler itself: that runs in the midst of whatever the main thread does, and were it just then inside
    the very Event that the action sets, both would wait for ever. A SimpleQueue may be put into at any moment.
    """
    asked: SimpleQueue[float] = SimpleQueue()

    def answer(_number: int, _frame: FrameType | None) -> None:
        asked.put(time.monotonic())

    def act() -> None:
        answered = -_SAME_SECONDS
        while True:
            at = asked.get()
            if at - answered >= _SAME_SECONDS:
                answered = at
                action()

    threading.Thread(target=act, name="signals", daemon=True).start()
    for number in STOP_SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, answer)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
