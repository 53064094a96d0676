"""Signals: SIGTERM and SIGINT stop the bridge, SIGHUP reloads it, SIGUSR2 replaces its process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SAME_SECONDS = 0.1
"""Signals within this time count as one: ``timeout`` signals its child, and then its child's process group."""


def on_stop_signal(action: Callable[[], None]) -> None:
    """Call ``action`` in a thread of its own for each stop signal, those included that came while they were blocked.

    The handler only fills a queue: it runs in the middle of what the main thread does, and an Event that is just
    being set there would deadlock. A SimpleQueue can be filled at any moment.
    """
    _on_signals(STOP_SIGNALS, action)


def on_restart_signal(action: Callable[[], None]) -> None:
    """Call ``action`` in a thread of its own for each SIGUSR2."""
    _on_signals((signal.SIGUSR2,), action)


def on_hangup_signal(reload: Callable[[], object], stop: Callable[[], None]) -> None:
    """Call ``reload`` in a thread of its own for each SIGHUP, or ``stop`` where the terminal was closed.

    The kernel sends SIGHUP when the terminal of a process is closed. Where the signal was ignored until now, as under
    ``nohup``, a closed terminal does nothing.
    """
    had_terminal = _has_terminal()
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    def act() -> None:
        if not had_terminal or _has_terminal():
            reload()
        elif not ignored:
            stop()

    _on_signals((signal.SIGHUP,), act, same_seconds=0.0)  # the files may have changed since the last one


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal that is open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _on_signals(
    numbers: Sequence[signal.Signals], action: Callable[[], None], same_seconds: float = _SAME_SECONDS
) -> None:
    received: SimpleQueue[float] = SimpleQueue()

    def handle(_number: int, _frame: FrameType | None) -> None:
        received.put(time.monotonic())

    def act() -> None:
        last = -same_seconds
        while True:
            at = received.get()
            if at - last >= same_seconds:
                last = at
                action()

    threading.Thread(target=act, name="signals", daemon=True).start()
    for number in numbers:
        signal.signal(number, handle)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
