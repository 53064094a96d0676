"""Sends a message to one channel at an interval while all is well, so that its absence raises an alarm elsewhere."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from bridge.alert import INTERNAL_SOURCE, Alert, Priority, make_alert
from bridge.pipeline.services.background import Background
from bridge.routing import Decision, Entry, Notification, Reason, Routed
from bridge.sources.contract import Aborted

SOURCE_NAME = "heartbeat"
"""The source name of heartbeats in the journal, and their route in the message."""
_RULE = "falco-bridge works"
_SECOND = 1_000_000_000
_CHECK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """Where and how often."""

    channel: str
    every_ns: int


class Heartbeat(Background):
    """A heartbeat is an alert of the bridge: it goes through the journal, the courier and the channel, as others do."""

    def __init__(
        self,
        settings: Callable[[], HeartbeatSettings | None],
        store: Callable[[Entry, str, int], None],
        problem: Callable[[str], str],
    ) -> None:
        """``settings`` are read each time. ``problem(channel)`` says what is not well; empty while all is."""
        super().__init__("heartbeat")
        self._settings = settings
        self._store = store
        self._problem = problem
        self._sent_at: float | None = None

    def _run(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            try:
                self.check(time.monotonic(), time.time_ns())
            except Aborted:
                return

    def check(self, monotonic: float, now_ns: int) -> None:
        """Send a heartbeat if one is due and all is well. Raises Aborted if the bridge stops before it is stored."""
        settings = self._settings()
        if settings is None:
            return
        due = self._sent_at is None or monotonic - self._sent_at >= settings.every_ns / _SECOND
        if due and not self._problem(settings.channel):
            self._sent_at = monotonic
            self._store(heartbeat(settings.channel, now_ns), SOURCE_NAME, now_ns)


def heartbeat(channel: str, now_ns: int) -> Entry:
    """The entry of one heartbeat."""
    alert = _alert(now_ns)
    decision = Decision(SOURCE_NAME, Reason.SENT, (channel,))
    return Entry(alert, Routed((decision,), (Notification(channel, (SOURCE_NAME,), alert.priority),)))


def _alert(now_ns: int) -> Alert:
    host = socket.gethostname()
    return make_alert(
        time_ns=now_ns, priority=Priority.INFORMATIONAL, rule=_RULE, source=INTERNAL_SOURCE, hostname=host,
        tags=("falco-bridge",), output=f"falco-bridge on {host} receives and delivers alerts.", fields={},
    )  # fmt: skip
