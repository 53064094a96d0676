"""What a storage engine implements. `tests/journal/conformance.py` checks an engine against these contracts.

An open journal is used by one thread at a time. Every method raises JournalError, or JournalBusyError where the same
call may work later; it then changed nothing. A method that writes returns when its transaction is durable, unless it
says otherwise. SQLite is the first engine: one file, with one router and one courier. "Several routers" and "several
couriers" mark what an engine needs that is shared by more than one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage
from bridge.common.clocks.clock import Step
from bridge.delivery import Capacity, Delivery, DeliveryState, Health, Settlement
from bridge.journal.members import DatabaseFacts, FleetLag, MemberRecord
from bridge.journal.membership import Membership
from bridge.journal.records import (
    NO_MEMORY,
    AttemptRecord,
    DeadLetter,
    DeadLetterAct,
    DeliveryRecord,
    MemoryWrite,
    NotificationRecord,
    QuarantinedMessage,
    RecordedAlert,
    SilenceRecord,
    StateRow,
)
from bridge.journal.retention import RetentionPolicy
from bridge.routing import Decision, Entry


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


class DeliveryQueue(Protocol):
    """The deliveries that are pending or claimed, and the health of channels. Used by the courier.

    The order key of a delivery is its incident, or on a channel in strict order its route. Deliveries of one channel
    with the same order key are sent in the order in which they were added: one that is claimed, or that waits for its
    next attempt, holds back the later ones of its key and no others. A delivery without an order key holds back none.
    Health alerts have an order key that precedes all others. A delivery is sent at least once: a claim that is not
    settled ends with its lease.

    Several couriers: each channel is leased by one courier with a token, so that rate, circuit and order stay in one
    place. A member of a fleet has the channels of `own_channels`, none before. Every method that writes then covers
    only those of them that it still has, and changes nothing of the others.
    """

    def own_channels(self, tokens: Mapping[str, int], now_ns: int) -> int:
        """Have these leased channels, and no others. Ends the claims of those that are new, and returns how many.

        Where the journal has one courier, this changes nothing.
        """

    def claim(self, now_ns: int, lease_ns: int, capacity: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """Claim deliveries that are due, oldest first: one tuple for each send, all for one channel.

        A channel gets at most `Capacity.sends` tuples of at most `Capacity.batch_size` deliveries. An order key is in
        one tuple only. A health alert, and a delivery that was released from its order key, has a tuple of its own; the
        released ones come last if `Capacity.released_last` is set. The claim ends at `now_ns + lease_ns`. It survives a
        killed process, and may be lost with the machine. A delivery that cannot be read becomes a dead letter.
        """

    def settle(self, settlements: Sequence[Settlement], health: Mapping[str, Health] | None = None) -> None:
        """Record the results of attempts and the health of channels in one transaction.

        Only deliveries that are pending or claimed change. Each settlement adds one to the attempts; of the failed ones
        the first and the latest are stored.
        """

    def release(self, now_ns: int) -> int:
        """End every claim, and return how many there were. Only for a courier that knows no other one runs."""

    def follow(self, step: Step, health: Mapping[str, Health]) -> None:
        """The wall clock was set: move the times of open deliveries, so that they are as old as they were.

        Records the health of channels, with its times moved, in the same transaction. A delivery that waits for its
        next attempt waits as long as it would have; one that was never tried is due.
        """

    def latest_ns(self) -> int:
        """The latest time at which an open delivery was added or tried; 0 if there is none."""

    def put_back(self, ids: Collection[int], now_ns: int) -> None:
        """End the claims of these deliveries, which were not sent. They are due now.

        As a claim, this survives a killed process, and may be lost with the machine.
        """

    def make_due_now(self, channel: str, now_ns: int) -> None:
        """Make every delivery of the channel due that waits for its next attempt."""

    def expire(self, channel: str, before_ns: int, now_ns: int, reason: str, limit: int) -> int:
        """Turn up to `limit` pending deliveries created by `before_ns` into dead letters, and return how many."""

    def next_due(self, channels: Collection[str]) -> int | None:
        """The earliest time at which a delivery for one of the channels can be claimed; None if there is none."""

    def due_times(self, channels: Collection[str]) -> Mapping[str, int]:
        """The earliest time at which a delivery can be claimed, for each of the channels that has one."""

    def waiting(self, channel: str, limit: int | None = None) -> int:
        """How many deliveries of the channel are pending or claimed, counted up to `limit`."""

    def undelivered(self) -> int:
        """How many deliveries are pending or claimed, including channels that no config names any more."""

    def waiting_channels(self) -> list[str]:
        """The channels that have deliveries pending or claimed, in the config or not."""

    def health(self) -> dict[str, Health]:
        """The last recorded health of each channel."""

    def remove_health_except(self, channels: Collection[str]) -> None:
        """Remove the health of all other channels."""


class DeadLetterQueue(Protocol):
    """The deliveries that are not tried again. Used by operators while the bridge runs or when it does not."""

    def counts(self) -> dict[str, int]:
        """How many dead letters each channel has; channels without any are absent."""

    def unreadable_count(self) -> int:
        """How many dead letters there are because they could not be read: the journal is damaged."""

    def ids(self, channel: str | None = None) -> list[int]:
        """The ids of all dead letters, or of one channel's, in ascending order."""

    def letters(self, channel: str | None = None, delivery_id: int | None = None) -> Iterator[DeadLetter]:
        """All dead letters, one channel's, or the one with that id, in ascending order. Memory use is constant."""

    def attempts(self, delivery_id: int) -> list[AttemptRecord]:
        """The stored failed attempts of a delivery, in order."""

    def acts(self, delivery_id: int) -> list[DeadLetterAct]:
        """Who retried or discarded a delivery while it was a dead letter, in order."""

    def retry(self, ids: Collection[int], now_ns: int, actor: str = "") -> list[int]:
        """Make these dead letters pending and due, with the age of a new delivery. Returns the ids that were dead.

        The act is recorded under the name of ``actor``.
        """

    def discard(self, ids: Collection[int], now_ns: int, actor: str = "") -> list[int]:
        """Mark these dead letters as discarded, and record it as ``retry`` does. Returns the ids that were dead."""


class History(Protocol):
    """Reads what a journal holds. Iterators read in pages: memory use is constant, and no transaction stays open.

    A reader sees commits of other processes, and blocks none of them.
    """

    def alerts(self, since_ns: int | None = None) -> Iterator[RecordedAlert]:
        """Every stored alert, or those received at ``since_ns`` or later, in the order in which they were appended."""

    def span(self, since_ns: int | None = None, until_ns: int | None = None) -> range:
        """The numbers of the alerts received from ``since_ns`` until just before ``until_ns``; some may be gone."""

    def decided_span(self) -> range:
        """As `span`, up to the first alert that waits for a decision of an owner of a fleet."""

    def read(self, numbers: range, *, newest_first: bool = False) -> Iterator[RecordedAlert]:
        """The stored alerts with these numbers, in the order in which they were appended, or in the reverse."""

    def numbered(self, numbers: Sequence[int], *, decisions: bool = True) -> list[RecordedAlert]:
        """The stored alerts with these numbers, the newest first. Without ``decisions`` theirs are left out."""

    def ids(self, numbers: Sequence[int]) -> dict[int, str]:
        """The ids of the stored alerts with these numbers."""

    def decided(self, numbers: range) -> Iterator[tuple[int, tuple[Decision, ...]]]:
        """The numbers and decisions of the stored alerts with these numbers, the newest first, without the alerts."""

    def scan(
        self, numbers: range, holds: Callable[[Alert], bool], fields: Collection[str], at: Callable[[int], None]
    ) -> Iterator[RecordedAlert]:
        """The stored alerts with these numbers for which ``holds``, the newest first.

        Faster than `read`: ``holds`` sees alerts that have only these fields. ``at`` is called for each page with the
        number that was reached.
        """

    def first_number(self) -> int:
        """The number of the oldest stored alert; 1 if there is none."""

    def count(self, numbers: range) -> int:
        """How many alerts with these numbers are stored."""

    def alert(self, alert_id: str) -> RecordedAlert | None:
        """The alert with that id; None if it is not stored."""

    def alerts_of(self, ids: Iterable[str], fields: Collection[str] | None = None) -> dict[str, Alert]:
        """The stored alerts with these ids, by id. One that cannot be read is logged and left out.

        Faster where only some ``fields`` are wanted: the alerts have no others.
        """

    def alerts_with_id(self, start: str, limit: int) -> list[RecordedAlert]:
        """The first alerts whose ids start with these hexadecimal digits, in the order of their ids."""

    def alert_count(self) -> int:
        """How many alerts are stored."""

    def deliveries(self, state: DeliveryState | None = None) -> Iterator[DeliveryRecord]:
        """Every stored delivery, or those in one state, in the order in which they were added."""

    def deliveries_of(self, number: int) -> list[NotificationRecord]:
        """The deliveries that are about the alert with that number, in the order in which they were added."""

    def deliveries_naming(self, texts: Collection[str], since_ns: int, limit: int) -> list[NotificationRecord]:
        """The first deliveries added at ``since_ns`` or later whose notification names an alert or incident by its id.

        Reads every notification since then.
        """

    def sent_later(self, channel: str, route: str = "") -> list[int]:
        """The numbers of the alerts that clauses with memory sent to the channel, the newest first.

        The alerts that digests, summaries, escalations and the other notifications of incidents are about or name.
        ``route`` is the route that sent them, empty for any. Reads every notification to the channel.
        """

    def delivery_counts(self) -> Counter[tuple[str, DeliveryState]]:
        """How many deliveries each channel has in each state."""

    def quarantine(self) -> Iterator[QuarantinedMessage]:
        """Every quarantined message, oldest first."""

    def newest_quarantined(self, limit: int) -> list[QuarantinedMessage]:
        """The latest quarantined messages, newest first."""

    def quarantined(self, number: int) -> QuarantinedMessage | None:
        """The quarantined message with that number; None if it is not stored."""

    def quarantined_count(self) -> int:
        """How many messages are in the quarantine."""


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
    """Raises JournalError where the journal was deleted or replaced since it was opened. Cheap."""
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
