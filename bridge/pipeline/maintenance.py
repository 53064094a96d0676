"""The journal's upkeep, in a thread of its own, a short step at a time between two batches."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import structlog

from bridge.journal import JournalError
from bridge.journal.sqlite import Journal
from bridge.journal.sqlite.upkeep import RetentionPolicy, Upkeep, dictionary_due, learned
from bridge.pipeline.intake import Intake

_ROUND_SECONDS = 5.0
_BREATH_SECONDS = 0.05
"""Between two steps of a round: taking in has the journal for most of the time."""


class JournalMaintenance:
    """Forgets what need not be kept. ``close`` ends it."""

    def __init__(self, path: Path, journal: Journal, intake: Intake, keep: RetentionPolicy) -> None:
        """``journal`` is the one that ``intake`` writes to; ``path`` is its file, for looks beside it."""
        self._path = path
        self._journal = journal
        self._intake = intake
        self._keep = keep
        self._upkeep = Upkeep(journal, keep)
        self._told = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._log = structlog.get_logger("journal")

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def close(self) -> None:
        """No step begins after this."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_ROUND_SECONDS):
            try:
                self._learn()
                while self._intake.between_batches(self._step):
                    if self._stop.wait(_BREATH_SECONDS):
                        return
            except JournalError as error:  # taking in meets it too, and knows what to do
                self._log.warning("upkeep put off", problem=str(error))
            else:
                self._tell()

    def _step(self) -> bool:
        return not self._stop.is_set() and self._upkeep.step(time.time_ns())

    def _learn(self) -> None:
        looking = Journal.open_to_read(self._path)
        try:
            number = dictionary_due(looking)
            content = b"" if number is None else learned(looking, number)
        finally:
            looking.close()
        if number is not None:
            self._intake.between_batches(lambda: self._add(number, content))

    def _add(self, number: int, content: bytes) -> bool:
        if not self._stop.is_set():
            self._journal.add_dictionary(number, content)
        return False

    def _tell(self) -> None:
        if self._upkeep.stuck and not self._told:
            self._log.warning(
                "the journal is larger than journal.retention.size",
                bytes=self._keep.size,
                why="what is left of it is not delivered yet, or dead letters",
                remedy="see `falco-bridge channels` and `falco-bridge dead list`, or give it more room",
            )
        self._told = self._upkeep.stuck
