"""How long to wait before asking a Falco again. Pure."""

from __future__ import annotations

IDLE_SECONDS = 0.25
"""The longest pause while there is nothing to read: an alert is read within this."""
_FIRST_IDLE_SECONDS = 0.01
_FIRST_FAILURE_SECONDS = 0.2
MAX_FAILURE_SECONDS = 1.0
"""The longest pause while a Falco cannot be reached."""


class Pacing:
    """At once while alerts flow; slower and slower while none do, or while nothing answers."""

    def __init__(self) -> None:
        self._idle = 0.0
        self._failure = 0.0

    def after_read(self, count: int) -> float:
        """Seconds to wait after a read that brought ``count`` alerts."""
        self._failure = 0.0
        self._idle = 0.0 if count else min(max(self._idle * 2, _FIRST_IDLE_SECONDS), IDLE_SECONDS)
        return self._idle

    def after_failure(self) -> float:
        """Seconds to wait after a read that failed."""
        self._failure = min(max(self._failure * 2, _FIRST_FAILURE_SECONDS), MAX_FAILURE_SECONDS)
        return self._failure
