"""The processes that share the work of one journal, with their leases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

INTAKE, MEMORY, COURIER = "intake", "memory", "courier"
ROLES = (INTAKE, MEMORY, COURIER)
"""What a bridge may do in a fleet."""
ROUTER = "router"
"""The role of every process that is no courier."""
PARTITION, CHANNEL, SOURCE, DUTY = "partition", "channel", "source", "duty"
"""Kinds of leases."""
LEASE_SECONDS = 1.5
_BEATS = 3


def file_lease(source_name: str) -> str:
    """The lease of a source that reads files: one bridge reads them and moves its checkpoint."""
    return f"file {source_name}"


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a fleet, as it joins."""

    id: str
    bridge: str
    """The same for the processes of one bridge."""
    host: str
    version: str
    pid: int
    roles: tuple[str, ...]
    lease_seconds: float = LEASE_SECONDS
    """After this time without a beat it counts as dead."""

    @property
    def beat_seconds(self) -> float:
        """How often it says that it is alive."""
        return self.lease_seconds / _BEATS


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A process of a fleet, as the journal shows it."""

    id: str
    bridge: str
    host: str
    version: str
    pid: int
    roles: tuple[str, ...]
    started_ns: int
    is_alive: bool
    silent_ns: int
    """How long ago its lease ended; 0 while it is alive."""
    loaded: str = ""
    """The digest of the newest program that it has loaded."""
    active: str = ""
    """The digest of the program that it uses."""
    info: Mapping[str, Any] = field(default_factory=dict)
    leases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The names of its leases by kind; none if it is not alive."""
    has_left: bool = False
    """Whether it was stopped, and gave up everything."""
    ended_ns: int = 0
    """When it was stopped, or its lease ended; 0 while it is alive."""


@dataclass(frozen=True, slots=True)
class FleetLag:
    """What waits for the owners of partitions, and for the couriers."""

    matches: int = 0
    """Counted up to 100,000, as deliveries are."""
    oldest_match_ns: int | None = None
    """When the oldest one was received."""
    deliveries: int = 0
    oldest_delivery_ns: int | None = None


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What of a database's settings and load concerns its journal."""

    connections: int
    """How many there may be, without those of superusers."""
    used_connections: int
    standby_names: str
    """``synchronous_standby_names``: empty where commits wait for no standby."""
    standbys: int
    """How many are connected."""
    synchronous_commit: str
    autovacuum: bool
    partitions: int
    """How many parts the memory of the fleet has; 0 before its first start."""
    bridges: tuple[str, ...]
    """Those that are alive, in a fleet."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a member has of one kind."""

    tokens: Mapping[str, int]
    share: int
    """How many it should have at most; 0 if that is unknown, because it has none."""
    has_others: bool = False
    """Whether other living members share the kind; False if that is unknown, because it has none."""


class LeaseTable(Protocol):
    """The leases of one member, by the clock of the database. Used by one thread. Methods raise JournalError."""

    def join(self) -> None:
        """Become a member."""

    def beat(self) -> int:
        """Stay alive. Returns the time of the database, in nanoseconds since the epoch."""

    def take(self, kind: str, role: str, names: Collection[str], extra: int = 0) -> Taken:
        """Take over what has no living member, up to a fair share of these names.

        The share is among the members with that role that have called this for the kind.

        ``extra`` is added to the share. Returns all leases of the kind that this member has.
        """

    def left(self, kind: str, names: Collection[str]) -> list[str]:
        """Those of the names that have no living member."""

    def give_up(self, kind: str, names: Collection[str]) -> None:
        """Let others have these."""

    def note(self, *, loaded: str | None, active: str | None, info: Mapping[str, object]) -> None:
        """Store what `MemberRecord` shows; None and absent keys stay as they are.

        Called at each beat: what was not stored, or may have been lost since, is stored again.
        """

    def leave(self) -> None:
        """Give up everything, and be no living member any more."""

    def close(self) -> None:
        """Release the session."""
