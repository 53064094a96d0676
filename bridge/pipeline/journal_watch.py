"""Notices that the journal was deleted or replaced while no alert is received."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bridge.journal import JournalError

_CHECK_SECONDS = 1.0


class JournalWatch:
    """A background service. Every transaction checks as well, so nothing is acknowledged in between."""

    def __init__(self, verify: Callable[[], None], on_fault: Callable[[JournalError], None]) -> None:
        """``verify`` is the journal's; ``on_fault`` stops the bridge."""
        self._verify = verify
        self._on_fault = on_fault
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal watch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            try:
                self._verify()
            except JournalError as error:
                self._on_fault(error)
                return
