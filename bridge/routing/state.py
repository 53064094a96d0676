"""State, its changes and timers: what the clauses with memory use. All empty until those clauses are implemented."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class State:
    """What the clauses of a program remember."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the state that changed."""


@dataclass(frozen=True, slots=True)
class Timer:
    """A moment at which a clause acts without an alert."""


NO_STATE = State()
"""The state of a program without clauses that remember."""
