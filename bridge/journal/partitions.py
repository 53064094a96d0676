"""What a storage engine implements for the partitions of a fleet's memory.

An alert is stored with a *match* for each partition that it concerns. The owner of a partition, which holds its lease,
reads the matches in the order of their alerts, and stores what follows from them in one transaction that also removes
them. A transaction writes only for partitions whose leases it still has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from bridge.alert import Alert
from bridge.journal.records import StateRow
from bridge.routing import Decision, Notification
from bridge.routing.state import Change


class StoredMatch(NamedTuple):
    """A match that waits for the owner of its partition."""

    partition: int
    alert_seq: int
    """The number of the alert."""
    body: bytes
    """As ``bridge.routing.partitions.matches`` encodes it."""


class StoredRequest(NamedTuple):
    """What another member asks the owner of a partition."""

    id: int
    partition: int
    body: bytes


@dataclass(frozen=True, slots=True)
class PartitionWrite:
    """What an owner stores for one partition. Alerts are named by their numbers."""

    partition: int
    consumed: Sequence[int] = ()
    """The alerts whose matches are decided."""
    decisions: Mapping[int, Sequence[Decision]] = field(default_factory=dict)
    """By alert, the decisions that were pending."""
    about: Sequence[tuple[int, Notification]] = ()
    """Notifications about these alerts, at their own arrival."""
    notifications: Sequence[Notification] = ()
    """Other notifications. Each says which alert it is about."""
    changes: Sequence[Change] = ()
    answers: Mapping[int, bytes] = field(default_factory=dict)
    """By request."""
    steps_ns: int | None = None
    """The steps of the database's clock that its times contain, where that has changed."""


@dataclass(frozen=True, slots=True)
class Merging:
    """How notifications about one alert to one channel become one."""

    may_merge: Callable[[Notification], bool]
    merged: Callable[[Notification, Notification], Notification]
    now_ns: Callable[[], int]
    """The time: a delivery that is due soon is not changed."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction of an owner has stored."""

    partitions: frozenset[int]
    """Those that were written; of the others the lease was lost."""
    deliveries: int = 0
    merged: int = 0
    """Notifications that became part of one that another route had caused."""
    apart: int = 0
    """Notifications beside another one of their alert and channel, which was too late to change."""


class Partitions(Protocol):
    """Used by one thread. Methods raise JournalError, or JournalBusyError where the same call may work later."""

    def number(self, wanted: int) -> int:
        """How many partitions there are: as many as ``wanted`` by the first call of all."""

    def divide(self, place: Callable[[StateRow], Iterable[int]]) -> int:
        """Move the state that a single bridge has left to the partitions that ``place`` returns for each row."""

    def begin(self) -> bool:
        """Begin a turn. False where the session was replaced: what is in memory may be ahead of what is stored.

        Where it is replaced during the turn, ``commit`` raises JournalBusyError.
        """

    def steps(self) -> int:
        """By how much the clock of the database was set in all, as far as members have noticed; in nanoseconds."""

    def add_step(self, known_ns: int, by_ns: int) -> int:
        """This member, which knew of ``known_ns`` in all, has noticed a step. Others may have noted it already.

        Returns as ``steps``.
        """

    def steps_of(self, partition: int) -> int:
        """Those that the times in the rows of a partition contain."""

    def load(self, partition: int) -> Iterator[StateRow]:
        """The rows of a partition, in no order."""

    def matches(self, partitions: Collection[int], limit: int) -> list[StoredMatch]:
        """The oldest matches of each of these partitions, at most ``limit`` of each, in order."""

    def requests(self, partitions: Collection[int]) -> list[StoredRequest]:
        """What was asked and is not answered yet, in order."""

    def commit(
        self, writes: Sequence[PartitionWrite], tokens: Mapping[int, int], merging: Merging, now_ns: int
    ) -> Committed:
        """Store writes in one transaction, those of partitions whose leases have still these tokens."""

    def alerts(self, ids: Collection[str]) -> dict[str, Alert]:
        """The stored ones of these alerts, by id."""

    def close(self) -> None:
        """Release the session."""


class Requests(Protocol):
    """What any member asks the owners. Used by one thread. Methods raise JournalError."""

    def incidents(self) -> list[tuple[int, StateRow]]:
        """The stored incidents, each with its partition."""

    def ask(self, partitions: Collection[int], body: bytes) -> list[int]:
        """Ask the owners of these partitions. Returns the ids of the requests."""

    def answers(self, ids: Sequence[int]) -> dict[int, bytes]:
        """The answers so far, by request."""

    def withdraw(self, ids: Sequence[int]) -> None:
        """Remove requests, answered or not."""

    def close(self) -> None:
        """Release the session."""
