"""What an engine stores of alerts, and of the clauses that remember them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage
from bridge.journal.records import NO_MEMORY, MemoryWrite, SilenceRecord, StateRow
from bridge.routing import Entry


class AlertLog(Protocol):
    """Stores alerts with everything that was decided about them, and the checkpoints of sources.

    Alerts are numbered in the order in which they were appended. An id is stored once. The router appends through this
    protocol, and so does the courier its health alerts.

    Several routers: numbers must come from the database, and `unknown` may not conclude from the ids that this process
    has appended (SQLite compares with the latest id; the file has one router).
    """

    def unknown(self, alerts: Iterable[Alert]) -> list[Alert]:
        """The alerts whose ids are not stored, each id once, in order. Saves routing an alert for nothing."""

    def append(
        self,
        source_name: str,
        received_ns: int,
        entries: Sequence[Entry],
        rejected: Sequence[RejectedMessage] = (),
        checkpoint: Mapping[str, str | None] | None = None,
        memory: MemoryWrite = NO_MEMORY,
    ) -> int:
        """Store a batch in one transaction, and return the number of deliveries added.

        Entries whose alert is stored already are skipped, so the same batch may be appended again. Rejected messages go
        to the quarantine, which holds a bounded number. Of the source's checkpoint the named parts change; None removes
        a part. The state of clauses with memory changes with them.
        """

    def checkpoint(self, source_name: str) -> dict[str, str]:
        """The source's position by part; empty if it has none."""


class Memory(Protocol):
    """The state of routes that depend on earlier alerts. `AlertLog.append` writes it, in the transaction of the alert.

    Several routers: a partition of the state is owned with a fencing token.
    """

    def load(self) -> Iterator[StateRow]:
        """Every row, in no order. Rows that cannot be read are left out and logged: their clause forgets the key."""

    def silences(self) -> list[SilenceRecord]:
        """All stored silences, the oldest first."""

    def put_silence(self, silence: SilenceRecord) -> None:
        """Store a silence, or replace the one with its id."""

    def change_silences(self, change: Callable[[SilenceRecord], SilenceRecord | None]) -> list[SilenceRecord]:
        """Replace the silences for which ``change`` returns another one, in one transaction. Returns the new ones.

        Nothing changes between what ``change`` is given and what is stored.
        """

    def remove_silences(self, ids: Collection[str]) -> None:
        """Remove silences."""

    def stored_secret(self) -> bytes | None:
        """The secret of the hashes of keys, if it was created; changes nothing."""

    def secret(self) -> bytes:
        """The secret of the hashes of keys, created at the first call: 32 bytes in a file beside the journal."""
