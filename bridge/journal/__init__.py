"""What was taken in and what was decided, on the disk before anyone is told it was taken."""

from bridge.journal.errors import JournalBusyError, JournalError
from bridge.journal.lock import FileLock
from bridge.journal.model import NEWS_ROUTE, Circuit, Delivery, DeliveryState, Health, Room, Settlement
from bridge.journal.sqlite import Entry, Journal, Refused

__all__ = [
    "NEWS_ROUTE",
    "Circuit",
    "Delivery",
    "DeliveryState",
    "Entry",
    "FileLock",
    "Health",
    "Journal",
    "JournalBusyError",
    "JournalError",
    "Refused",
    "Room",
    "Settlement",
]
