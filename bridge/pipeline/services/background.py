"""A service in a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Background(ABC):
    """Runs ``_run`` from ``start`` to ``close``."""

    def __init__(self, name: str) -> None:
        """``name`` is the thread's."""
        self._stop = threading.Event()
        """Set by ``close``: ``_run`` returns soon after."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread. Returns once it has ended."""
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """The work of the thread."""
