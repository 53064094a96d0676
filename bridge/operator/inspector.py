"""What a running bridge can be seen to be doing: what status and metrics are made of, read when somebody asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bridge.delivery import Health
from bridge.journal import JournalError
from bridge.journal.sqlite import Journal, quarantine
from bridge.journal.sqlite.dead import dead_counts
from bridge.pipeline.counts import Counts
from bridge.pipeline.intake import Intake
from bridge.pipeline.nodes import Nodes
from bridge.sources.contract import Source, SourceState

_MOST_COUNTED = 100_000
_WAL_SUFFIX = "-wal"


class Courier(Protocol):
    """What is asked of the courier's process."""

    @property
    def restarts(self) -> int:
        """How often it was started again."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""


@dataclass(frozen=True, slots=True)
class JournalSnapshot:
    """What the journal tells."""

    quarantined: int
    waiting: Mapping[str, int]
    """Deliveries by channel, counted up to a bound."""
    health: Mapping[str, Health]
    dead: Mapping[str, int]
    """Dead letters by channel."""


class Inspector:
    """A view of one running bridge. Callable from any thread."""

    def __init__(
        self, journal: Path, channels: Sequence[str], intake: Intake, sources: Sequence[Source], courier: Courier
    ) -> None:
        self.since_ns = time.time_ns()
        self.channels = tuple(channels)
        self._path = journal
        self._intake = intake
        self._sources = sources
        self._courier = courier
        self._leaving = False
        self._journal: Journal | None = None
        self._lock = threading.Lock()

    @property
    def counts(self) -> Counts:
        """What came in, and what was decided."""
        return self._intake.counts

    @property
    def nodes(self) -> Nodes:
        """What Falcos say of themselves."""
        return self._intake.nodes

    @property
    def blocked(self) -> str:
        """Why the journal takes no writes just now; empty while it does."""
        return self._intake.blocked

    @property
    def courier_restarts(self) -> int:
        """Since the start."""
        return self._courier.restarts

    @property
    def courier_pid(self) -> int | None:
        """While it runs."""
        return self._courier.pid

    def leave(self) -> None:
        """The bridge has been told to stop."""
        self._leaving = True

    def unready(self) -> str:
        """Why alerts had better go elsewhere just now; empty while all is well."""
        if self._leaving:
            return "the bridge is leaving"
        if self.blocked:
            return "the journal takes no writes"
        return "" if self.courier_pid else "the courier is being started again"

    def sources(self) -> list[SourceState]:
        """Every source, and every Falco behind it."""
        return [state for source in self._sources for state in source.state()]

    def journal_bytes(self) -> dict[str, int]:
        """The journal's files."""
        paths = {"journal": self._path, "wal": self._path.with_name(self._path.name + _WAL_SUFFIX)}
        return {name: path.stat().st_size for name, path in paths.items() if path.exists()}

    def kept(self) -> JournalSnapshot | None:
        """None where the journal cannot be read just now."""
        with self._lock:
            try:
                # Opened once: that it is whole is looked at with each opening.
                journal = self._journal = self._journal or Journal.open_to_read(self._path)
                waiting = {name: journal.waiting(name, _MOST_COUNTED) for name in self.channels}
                return JournalSnapshot(quarantine.count(journal), waiting, journal.health(), dead_counts(journal))
            except JournalError:
                return None
