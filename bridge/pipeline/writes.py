"""What intake writes in one transaction, and how a write that fails is divided until its cause is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from bridge.alert.rejected import RejectedMessage
from bridge.journal.records import NO_MEMORY, MemoryWrite
from bridge.routing import Entry, Notification
from bridge.routing.state import Change


class Write(msgspec.Struct, frozen=True):
    """One transaction: what is decided about a batch, or about a part of one."""

    source_name: str
    received_ns: int
    entries: Sequence[Entry]
    rejected: Sequence[RejectedMessage] = ()
    checkpoint: Mapping[str, str | None] = {}
    memory: MemoryWrite = NO_MEMORY
    decided_in: float = 0.0
    """Seconds that deciding took."""

    def parts(self) -> list[Write]:
        """The write in two; empty if it is about one alert, one notification or one row of state.

        Only the last part moves the checkpoint. State and notifications follow their alerts. A notification that cannot
        be stored costs no other one, and not its alert.
        """
        if len(self.entries) > 1:
            middle = len(self.entries) // 2
            return [self._part(entries=self.entries[:middle]), replace(self, entries=self.entries[middle:])]
        if self.entries and self.memory != NO_MEMORY:
            return [self._part(entries=self.entries), replace(self, entries=())]
        if self.entries and self.entries[0].routed.notifications:
            bare, notifications = _apart(self.entries[0])
            return [self._part(entries=(bare,)), replace(self, entries=(), memory=MemoryWrite((), notifications))]
        return [
            *(self._part(memory=part) for part in _halves(self.memory)[:1]),
            *(replace(self, memory=part) for part in _halves(self.memory)[1:]),
        ]

    def _part(self, entries: Sequence[Entry] = (), memory: MemoryWrite = NO_MEMORY) -> Write:
        return Write(self.source_name, self.received_ns, entries, memory=memory)


def _apart(entry: Entry) -> tuple[Entry, tuple[Notification, ...]]:
    """The entry without notifications, and its notifications, which can be stored once the alert is."""
    notifications = tuple(
        replace(each, about=entry.alert.id) if each.about is None else each for each in entry.routed.notifications
    )
    return replace(entry, routed=replace(entry.routed, notifications=())), notifications


def _halves(memory: MemoryWrite) -> list[MemoryWrite]:
    """Two parts, or none."""
    changes, notifications = memory.changes, memory.notifications
    if changes and notifications:
        return [MemoryWrite(changes), MemoryWrite((), notifications)]
    if len(notifications) > 1:
        middle = len(notifications) // 2
        return [MemoryWrite((), notifications[:middle]), MemoryWrite((), notifications[middle:])]
    if len(changes) > 1:
        return [MemoryWrite(changes[: len(changes) // 2]), MemoryWrite(changes[len(changes) // 2 :])]
    if changes and len(changes[0].keys) > 1:
        ((clause, keys, rows, due_ns),) = changes
        middle = len(keys) // 2
        return [
            MemoryWrite((Change(clause, keys[part], rows[part], due_ns[part]),))
            for part in (slice(0, middle), slice(middle, None))
        ]
    return []


def unstorable(memory: MemoryWrite, error: Exception) -> RejectedMessage:
    """The quarantined message for one notification, or one row of state, that the journal cannot store."""
    cause = f"because of an internal error of the bridge ({type(error).__name__}); its log has the details"
    if memory.notifications:
        (lost,) = memory.notifications
        about = {"channel": lost.channel, "routes": lost.routes, "alert": lost.about}
        return RejectedMessage(f"is a notification that could not be stored {cause}", msgspec.json.encode(about))
    return RejectedMessage(
        f"is the state of a key that could not be stored {cause}", memory.changes[0].clause.encode("utf-8", "replace")
    )
