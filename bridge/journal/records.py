"""The values that are read from a journal. Times are nanoseconds since the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.alert import Alert
from bridge.delivery import DeliveryState
from bridge.routing import Decision, Notification
from bridge.routing.state import Change


@dataclass(frozen=True, slots=True)
class RecordedAlert:
    """A stored alert with its decisions."""

    alert: Alert
    source_name: str
    received_ns: int
    decisions: tuple[Decision, ...]
    number: int = 0
    """Alerts are numbered in the order in which they were appended, from 1."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """The current state of a delivery, without its alert."""

    id: int
    alert_id: str
    channel: str
    state: DeliveryState
    attempts: int
    status: int | None
    """The service's status for the last attempt (HTTP, SMTP), if it sent one."""
    reason: str
    """Why the last attempt failed; empty when delivered."""
    digest_id: int | None
    """The first delivery of the digest that this one was sent in; None when it was sent alone."""


@dataclass(frozen=True, slots=True)
class NotificationRecord:
    """A delivery with its notification and its times."""

    delivery: DeliveryRecord
    notification: Notification | None
    """None if it cannot be read."""
    created_ns: int
    due_ns: int
    """When a pending one is attempted."""
    settled_ns: int | None
    """When its last attempt ended; None before the first one."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """A failed attempt."""

    number: int
    attempted_ns: int
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetterAct:
    """Somebody retried or discarded a dead letter."""

    acted_ns: int
    action: str
    """``retry`` or ``discard``."""
    actor: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that is not tried again, with its alert."""

    id: int
    channel: str
    routes: tuple[str, ...]
    alert: Alert
    created_ns: int
    settled_ns: int
    """When it became a dead letter."""
    attempts: int
    """All attempts. The journal stores the first and the latest ones."""
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """A rejected message in the quarantine."""

    number: int
    received_ns: int
    source_name: str
    reason: str
    """Completes the sentence "the message …"."""
    raw: bytes
    """Its first 64 KiB, redacted as alerts are."""


@dataclass(frozen=True, slots=True)
class StateRow:
    """One row of the state of a clause with memory."""

    clause: str
    """The identity of the clause: its route's name and its text."""
    key: bytes
    row: Any
    due_ns: int | None
    """When its timer fires; None without one."""


class SilenceAct(msgspec.Struct, frozen=True):
    """Somebody changed or ended a silence."""

    acted_ns: int
    action: str
    """``change`` or ``expire``."""
    actor: str


class SilenceRecord(msgspec.Struct, frozen=True):
    """A silence as it was added. Times are nanoseconds since the epoch."""

    id: str
    """8 hexadecimal digits."""
    condition: str
    schedule: str
    """A recurring silence acts only while this schedule holds: ``mon-fri 09:00-18:00``; empty for the whole time."""
    from_ns: int
    until_ns: int
    author: str
    comment: str
    created_ns: int
    announce: str = ""
    """The channel that is notified before it ends; empty for none."""
    announce_ns: int = 0
    """How long before."""
    announced: bool = False
    """Whether it was."""
    acts: tuple[SilenceAct, ...] = ()
    """What people did to it since, the latest last."""


@dataclass(frozen=True, slots=True)
class MemoryWrite:
    """What clauses with memory add to a transaction."""

    changes: Sequence[Change] = ()
    notifications: Sequence[Notification] = ()
    """Notifications that no alert of the batch caused: those of timers. Each says which alert it is about."""


NO_MEMORY = MemoryWrite()
