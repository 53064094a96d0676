"""Whether a person who asks for something would have to wait for a disk."""

from __future__ import annotations

from bridge.journal import JournalBusyError
from bridge.pipeline.intake import Intake


def check_journal(intake: Intake) -> None:
    """What a person asks for waits for the batch that is being stored, but not for a disk. Raises JournalError."""
    if intake.is_busy and (problem := intake.blocked):
        raise JournalBusyError(f"the journal cannot be written: {problem}")
