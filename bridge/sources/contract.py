"""What every source hands over, and how it is started and stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.alert import Alert


@dataclass(frozen=True, slots=True)
class Refusal:
    """Bytes that are not an alert, kept aside with the reason."""

    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What a source read in one go; committed as one transaction."""

    source: str
    """The source's name in the config."""
    received_ns: int
    """When it was read, in nanoseconds since the epoch."""
    alerts: tuple[Alert, ...]
    refused: tuple[Refusal, ...] = ()
    checkpoint: Mapping[str, str | None] = field(default_factory=dict)
    """What has changed of where to read on after a restart, kept in the same transaction: a text for each part of the
    source (a file), or None for one that is to be forgotten."""


Accept = Callable[[Batch], None]
"""Takes a batch in; returns once it is committed, however long that takes.

Raises ``Abandoned`` where the bridge has to leave before the batch could be committed.
"""


class Abandoned(Exception):  # noqa: N818  # it is an outcome of leaving, not a fault
    """The bridge left at its drain deadline; this batch was not committed."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source, or one Falco behind it, is doing at one moment. Times are nanoseconds since the epoch."""

    source: str
    """The source's name in the config."""
    peer: str = ""
    """Which Falco, where a source reads several: its address."""
    connected_since_ns: int | None = None
    """Since when it can be read, or listens; None while it cannot or does not."""
    last_alert_ns: int | None = None
    """When the latest alert was read."""
    alerts: int = 0
    """Committed since the start, repeated ones included."""
    alerts_per_second: float = 0.0
    """Over about the last minute."""
    refused: int = 0
    failures: int = 0
    """Attempts to read that failed."""
    problem: str = ""
    """What is wrong just now, in words with the remedy; empty while nothing is."""
    detail: str = ""
    """What else is worth knowing, as Falco's version; for people only."""


class Source(Protocol):
    """A road by which alerts come in. Each runs in a thread of its own."""

    name: str

    def run(self, accept: Accept) -> None:
        """Read until stopped, handing batches to ``accept``; returns once drained."""

    def stop(self) -> None:
        """Ask ``run`` to read what is in flight to its end, hand it over and return. Callable from any thread."""

    def cancel(self) -> int:
        """The drain deadline has come: let go of what is in flight, so that ``run`` returns at once.

        Returns how many reads were cut off (alerts may be lost with each).
        """

    def state(self) -> tuple[SourceState, ...]:
        """How it is doing: one entry, or one for each Falco behind it. Callable from any thread."""
