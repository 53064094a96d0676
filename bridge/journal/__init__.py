"""The journal: alerts, decisions and deliveries on disk, between the router and the courier."""

from bridge.journal.errors import JournalBusyError, JournalError

__all__ = ["JournalBusyError", "JournalError"]
