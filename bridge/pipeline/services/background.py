"""A service in a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

import structlog


class Background(ABC):
    """Runs ``_run`` from ``start`` to ``close``."""

    again_seconds = 5.0
    """After how long it runs again if it fails."""

    def __init__(self, name: str) -> None:
        """``name`` is the thread's."""
        self._stop = threading.Event()
        """Set by ``close``: ``_run`` returns soon after."""
        self._thread = threading.Thread(target=self._keep_running, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread. Returns once it has ended."""
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """The work of the thread. What it raises is logged, and it is called again."""

    def _keep_running(self) -> None:
        while True:
            try:
                self._run()
            except Exception:  # a service that ends unnoticed is missed too late
                log = structlog.get_logger("bridge")
                log.exception("service failed", service=self._thread.name, again_seconds=self.again_seconds)
            else:
                return
            if self._stop.wait(self.again_seconds):
                return
