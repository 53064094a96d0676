"""An open journal, and its maintenance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bridge.journal.members import DatabaseFacts, FleetLag, MemberRecord
from bridge.journal.membership import Membership
from bridge.journal.protocols.alert_log import AlertLog, Memory
from bridge.journal.protocols.history import History
from bridge.journal.protocols.queue import DeadLetterQueue, DeliveryQueue
from bridge.journal.retention import RetentionPolicy


class Maintenance(Protocol):
    """Keeps a journal within its retention policy, in steps short enough for the writers to wait for.

    A delivery that is pending or claimed is never removed, nor is an alert that has a delivery. Numbers are not reused.
    """

    def used_bytes(self) -> int:
        """Bytes in use."""

    def step(self, policy: RetentionPolicy, now_ns: int) -> bool:
        """Remove a few expired rows. Returns whether more are left in this round.

        A row from the future, which a clock that was set back left, counts as received or settled now.
        """

    def latest_ns(self) -> int:
        """When the newest alert was received; 0 if there is none."""

    @property
    def over_size(self) -> bool:
        """Whether two whole rounds left the journal larger than its policy allows."""

    @property
    def removed_up_to(self) -> int:
        """The greatest number of an alert that this object has removed; 0 if it has removed none."""

    def prepare(self) -> Callable[[], None] | None:
        """Do long work that may run beside the writers, and return the short write that completes it, or None.

        SQLite trains a compression dictionary.
        """


@dataclass(frozen=True, slots=True)
class Journal:
    """An open journal: one implementation of each protocol, over one connection."""

    alerts: AlertLog
    memory: Memory
    deliveries: DeliveryQueue
    dead_letters: DeadLetterQueue
    history: History
    maintenance: Maintenance
    verify: Callable[[], None]
    """Raises JournalError where the journal was deleted or replaced since it was opened, or another process has locked
    it. A deleted lock file is made again. Cheap."""
    close: Callable[[], None]
    """Closes the connection and releases the lock, if this journal holds one."""
    membership: Membership | None = None
    """The membership of this process in a fleet, which has joined and works."""
    members: Callable[[], list[MemberRecord]] = list
    """Every member of the fleet that uses the journal. Raises JournalError."""
    lag: Callable[[], FleetLag] = FleetLag
    """What waits for the members of the fleet. Raises JournalError."""
    database_facts: Callable[[], DatabaseFacts | None] = lambda: None
    """About the database; None for a file. Raises JournalError."""
