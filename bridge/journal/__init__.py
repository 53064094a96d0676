"""What was taken in and what was decided, on disk before it is acknowledged."""

from bridge.journal.errors import JournalBusyError, JournalError

__all__ = ["JournalBusyError", "JournalError"]
