"""The contract of a clause with memory. One file implements one clause; ``pipeline`` runs them in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import msgspec

from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.reason import Reason
from bridge.routing.state import Table

LATENESS_NS = 30_000_000_000
"""How late, or out of order, alerts may be."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert that meets the condition of a clause, as far as the clause needs it."""

    alert_id: str
    event_ns: int
    values: dict[str, str] = field(default_factory=dict)
    """The redacted fields that texts name, by field."""


SilencedBy = Callable[[str], str | None]
"""From an alert's id to the id of the silence that holds it back, or None."""


def not_silenced(_alert_id: str) -> None:
    """While there are no silences."""
    return


class StageResult(msgspec.Struct, frozen=True, gc=False):
    """What a clause did."""

    passed: tuple[Passage, ...] = ()
    """What continues to the next clause."""
    reason: Reason | None = None
    """Why a passage that entered was held back; None if it continued."""
    detail: str = ""
    """The numbers behind the reason, for people."""


class Stage(Protocol):
    """One clause of one route. Stages change their own table only. None of the methods raises."""

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> Passage | StageResult:
        """A match has come this far. Returns the passage, perhaps changed, if it continues alone."""

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """The timer of a row has fired. The row is still there; its timer is not."""

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:
        """The row was removed because the table is full: pass on the alerts that it held."""


class Watching(Stage, Protocol):
    """A clause that also watches alerts which meet a condition of its own."""

    def observe(self, table: Table, number: int, key: bytes, seen: Seen, now_ns: int) -> StageResult:
        """An alert meets the clause's condition with this number."""


@runtime_checkable
class Speaking(Protocol):
    """A stage whose timers send notifications of their own, which a silence can hold back."""

    def about(self, table: Table, key: bytes, now_ns: int) -> str | None:
        """The id of the alert that the row's timer would send a notification about; None if it would send none."""

    def silence(self, table: Table, key: bytes, now_ns: int) -> None:
        """Do without that notification. The row's timer is set again where one is needed."""
