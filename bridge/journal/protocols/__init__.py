"""What a storage engine implements. `tests/journal/conformance.py` checks an engine against these contracts.

An open journal is used by one thread at a time. Every method raises JournalError, or JournalBusyError where the same
call may work later; it then changed nothing. A method that writes returns when its transaction is durable, unless it
says otherwise. SQLite is the first engine: one file, with one router and one courier. "Several routers" and "several
couriers" mark what an engine needs that is shared by more than one of them.
"""

from bridge.journal.protocols.alert_log import AlertLog, Memory
from bridge.journal.protocols.history import History
from bridge.journal.protocols.journal import Journal, Maintenance
from bridge.journal.protocols.queue import DeadLetterQueue, DeliveryQueue

__all__ = ["AlertLog", "DeadLetterQueue", "DeliveryQueue", "History", "Journal", "Maintenance", "Memory"]
