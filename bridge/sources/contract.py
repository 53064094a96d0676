"""The interface of every source: what it produces, and how it is started and stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import msgspec

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage

NO_CHANGES: Mapping[str, str | None] = MappingProxyType({})
"""The changes to a checkpoint that does not move."""


class Batch(msgspec.Struct, frozen=True):
    """The alerts that a source read in one go. A batch is committed in one transaction."""

    source_name: str
    """The source's name in the config."""
    received_ns: int
    """When it was read, in nanoseconds since the epoch."""
    alerts: tuple[Alert, ...]
    rejected: tuple[RejectedMessage, ...] = ()
    checkpoint: Mapping[str, str | None] = NO_CHANGES
    """The changes to the source's checkpoint, committed in the same transaction.

    Each part of the source (a file) maps to its new position, or to None to remove it.
    """


Accept = Callable[[Batch], None]
"""Commits a batch. Blocks until the batch is committed.

Raises ``Aborted`` if the bridge stops before the batch could be committed.
"""


class Aborted(Exception):  # noqa: N818  # an outcome of stopping, not a fault
    """The drain deadline was reached before this batch was committed."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of a source, or of one Falco behind it, at one moment. Times are nanoseconds since the epoch."""

    source_name: str
    """The source's name in the config."""
    peer: str = ""
    """The address of the Falco, for a source that reads several."""
    connected_since_ns: int | None = None
    """Since when the source can be read, or listens. None if it cannot be read or does not listen."""
    last_alert_ns: int | None = None
    """When the latest alert was read."""
    alerts: int = 0
    """Alerts committed since the start, including duplicates."""
    alerts_per_second: float = 0.0
    """The rate over roughly the last minute."""
    rejected: int = 0
    failures: int = 0
    """Failed attempts to read."""
    problem: str = ""
    """The current problem and its remedy, as a sentence. Empty if there is none."""
    detail: str = ""
    """Further information for people, such as Falco's version."""
    lease: str = ""
    """The lease that another bridge of the fleet has, and reads; empty where this bridge reads."""


class Source(Protocol):
    """Reads alerts from one place. Each source runs in a thread of its own."""

    name: str

    def run(self, accept: Accept) -> None:
        """Read until stopped and pass batches to ``accept``. Returns once everything read has been accepted."""

    def stop(self) -> None:
        """Stop gracefully: ``run`` finishes the reads in flight and returns. Thread-safe."""

    def abort(self) -> int:
        """The drain deadline was reached: drop the reads in flight, so that ``run`` returns at once.

        Returns the number of reads that were cut off. Each of them may have lost alerts.
        """

    def state(self) -> tuple[SourceState, ...]:
        """The current state: one entry, or one for each Falco behind the source. Thread-safe."""
