"""Notices that the journal was deleted or replaced while no alert is received."""

from __future__ import annotations

from collections.abc import Callable

from bridge.journal import JournalError
from bridge.pipeline.services.background import Background

_CHECK_SECONDS = 1.0


class JournalWatch(Background):
    """Every transaction checks as well, so nothing is acknowledged in between."""

    def __init__(self, verify: Callable[[], None], on_fault: Callable[[JournalError], None]) -> None:
        """``verify`` is the journal's; ``on_fault`` stops the bridge."""
        super().__init__("journal watch")
        self._verify = verify
        self._on_fault = on_fault

    def _run(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            try:
                self._verify()
            except JournalError as error:
                self._on_fault(error)
                return
