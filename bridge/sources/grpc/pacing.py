"""How long to wait before reading a Falco again. Pure."""

from __future__ import annotations

AFTER_ALERTS_SECONDS = 0.005
"""The longest pause after a read that returned messages.

A Falco that stops while a ``get`` is open may abort: the thread that ends the call asks for the next one on a
completion queue that is being shut down (userspace/falco/grpc_request_context.cpp, ``end``). Without a pause, a call is
open nearly all the time while alerts arrive. Alerts of the pause are read together, which costs less.
"""
SHORTEST_SECONDS = 0.0007
"""The pause while each read returns many messages: committing them takes longer."""
_MANY, _FEW = 8, 4
"""The pause becomes shorter after more messages than the first, and longer after fewer than the second."""
IDLE_SECONDS = 0.25
"""The longest pause while there is nothing to read, and so the longest delay of an alert."""
_FIRST_IDLE_SECONDS = 0.01
_FIRST_FAILURE_SECONDS = 0.2
MAX_FAILURE_SECONDS = 1.0
"""The longest pause while a Falco cannot be reached."""


class Pacing:
    """A short pause while alerts arrive, shorter while many do. Pauses double while none do, or while reads fail."""

    def __init__(self) -> None:
        self._after_alerts = AFTER_ALERTS_SECONDS
        self._idle = 0.0
        self._failure = 0.0

    def after_read(self, count: int, since_end: float = 0.0) -> float:
        """Seconds to wait after a read that returned ``count`` messages and ended ``since_end`` seconds ago.

        Committing the messages is a part of the pause: no call is open meanwhile.
        """
        self._failure = 0.0
        if count:
            self._idle = 0.0
            self._after_alerts = _next_pause(self._after_alerts, count)
            return max(self._after_alerts - since_end, 0.0)
        self._after_alerts = AFTER_ALERTS_SECONDS
        self._idle = min(max(self._idle * 2, _FIRST_IDLE_SECONDS), IDLE_SECONDS)
        return self._idle

    def after_failure(self) -> float:
        """Seconds to wait after a read that failed."""
        self._failure = min(max(self._failure * 2, _FIRST_FAILURE_SECONDS), MAX_FAILURE_SECONDS)
        return self._failure


def _next_pause(pause: float, count: int) -> float:
    """The pause after a read of ``count`` messages, so that reads return few messages and commits stay short."""
    if count > _MANY:
        return max(pause / 2, SHORTEST_SECONDS)
    return min(pause * 2, AFTER_ALERTS_SECONDS) if count < _FEW else pause
