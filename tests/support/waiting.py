"""Waiting for a condition to come true in another process, bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_PACE = threading.Event()


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 60.0) -> None:
    """Return as soon as ``condition()`` is true; fail, naming ``what`` was awaited, when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still waiting for {what}"
        _PACE.wait(0.02)
