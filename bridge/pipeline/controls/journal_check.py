"""Refuses what a person asks for while the journal cannot be written."""

from __future__ import annotations

from bridge.journal import JournalBusyError
from bridge.pipeline.intake import Intake


def check_journal(intake: Intake) -> None:
    """Raises JournalBusyError if the intake waits for a disk. It may wait for a batch that is being stored."""
    if intake.is_busy and (problem := intake.blocked):
        raise JournalBusyError(f"the journal cannot be written: {problem}")
