"""What follows from a match, a timer or a watched alert of one route."""

from __future__ import annotations

import msgspec

from bridge.routing.decision import Decision
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.reason import Reason


class Emission(msgspec.Struct, frozen=True, gc=False):
    """A passage that came through all clauses: a notification of the route."""

    route: int
    passage: Passage
    reason: Reason | None = None
    """Why it goes out, if that is not the plain reason: ``state_evicted``."""
    incident: str = ""
    """The id of its incident."""


class Run(msgspec.Struct, frozen=True, gc=False):
    """What became of passages, a timer or a watched alert."""

    emissions: tuple[Emission, ...] = ()
    reason: Reason | None = None
    """Why a passage did not come through; None if all did, or if there was none."""
    detail: str = ""


class Entered(msgspec.Struct, frozen=True, gc=False):
    """What became of a match."""

    decision: Decision
    passage: Passage | None = None
    """The match, if it came through at once."""
    others: tuple[Emission, ...] = ()
    """Notifications about alerts that were held, or about several."""
