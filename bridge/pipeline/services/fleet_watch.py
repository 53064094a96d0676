"""Notices what another bridge of the fleet has changed: silences, and the program that all use."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bridge.journal.errors import JournalError
from bridge.journal.revisions import FleetSession, Revisions
from bridge.pipeline.services.background import Background
from bridge.sources.contract import Aborted

POLL_SECONDS = 0.3
"""A silence acts everywhere well within a second."""


class FleetWatch(Background):
    """Compares the counters of the journal with those that this bridge has followed."""

    def __init__(
        self, open_session: Callable[[], FleetSession], on_silences: Callable[[], None],
        on_program: Callable[[Revisions, FleetSession], None] = lambda _revisions, _session: None,
    ) -> None:  # fmt: skip
        """``on_program`` is called at each poll, the others when their counter has changed."""
        super().__init__("fleet watch")
        self._open_session = open_session
        self._on_silences = on_silences
        self._on_program = on_program
        self._silences = -1
        self._log = structlog.get_logger("fleet")

    def _run(self) -> None:
        session: FleetSession | None = None
        failing = False
        while not self._stop.wait(POLL_SECONDS):
            try:
                if session is None:
                    session = self._open_session()
                self._follow(session.read(), session)
                failing = False
            except Aborted:
                break
            except JournalError as error:
                if not failing:
                    self._log.warning("changes of other bridges not read", problem=str(error))
                failing = True
            except Exception:  # noqa: BLE001  # the thread must not end
                if not failing:
                    self._log.exception("changes of other bridges not used")
                failing = True
        if session is not None:
            session.close()

    def _follow(self, found: Revisions, session: FleetSession) -> None:
        if found.silences != self._silences:
            self._on_silences()
            self._silences = found.silences
        self._on_program(found, session)
