"""Notifies a channel before a silence ends, for silences that ask for it."""

from __future__ import annotations

import socket
from collections.abc import Callable

import structlog

from bridge.alert import INTERNAL_SOURCE, Alert, Priority, make_alert
from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock
from bridge.common.clocks.times import iso_text
from bridge.journal.records import SilenceRecord
from bridge.pipeline.services.background import Background
from bridge.routing import Decision, Entry, Notification, Reason, Routed
from bridge.sources.contract import Aborted

SOURCE_NAME = "silences"
"""The source name of these alerts in the journal."""
ROUTE = "(silence)"
"""The route name of their decisions."""
_CHECK_SECONDS = 1.0
_FAULT_SECONDS = 10.0


class SilenceAnnouncer(Background):
    """Runs until it is closed. What is due then is announced after the next start, unless the silence has ended."""

    def __init__(
        self, announce: Callable[[int], None], clock: Clock = SYSTEM_CLOCK, announces: Callable[[], bool] = lambda: True
    ) -> None:
        """``announce`` stores what is due at a time. It is called while ``announces``."""
        super().__init__("silence announcer")
        self._announce = announce
        self._clock = clock
        self._announces = announces
        self._log = structlog.get_logger("bridge")

    def _run(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            try:
                if self._announces():
                    self._announce(self._clock.wall_ns())
            except Aborted:
                return
            except Exception:  # noqa: BLE001  # the thread must not end
                self._log.exception("silence not announced", again_seconds=_FAULT_SECONDS)
                self._stop.wait(_FAULT_SECONDS)


def is_due(silence: SilenceRecord, now_ns: int) -> bool:
    """Whether the end of a silence is to be announced now."""
    begins = max(silence.from_ns, silence.until_ns - silence.announce_ns)
    return bool(silence.announce) and not silence.announced and begins <= now_ns < silence.until_ns


def entry_of(silence: SilenceRecord) -> Entry:
    """The notification, as an internal alert to the silence's channel. Its id is the same after a crash."""
    alert = _alert(silence)
    decision = Decision(ROUTE, Reason.SENT, (silence.announce,))
    return Entry(alert, Routed((decision,), (Notification(silence.announce, (ROUTE,), alert.priority),)))


def _alert(silence: SilenceRecord) -> Alert:
    comment = f' ("{silence.comment}")' if silence.comment else ""
    ends = f"{iso_text(silence.until_ns)[:16].replace('T', ' ')} UTC"
    return make_alert(
        time_ns=max(silence.from_ns, silence.until_ns - silence.announce_ns),
        priority=Priority.NOTICE,
        rule="Silence ends soon",
        source=INTERNAL_SOURCE,
        hostname=socket.gethostname(),
        tags=("falco-bridge",),
        output=(
            f"Silence {silence.id} of {silence.author}{comment} ends at {ends}: {silence.condition}. "
            f"To extend it: falco-bridge silence extend {silence.id} --for 2h"
        ),
        fields={"bridge.silence": silence.id},
    )
