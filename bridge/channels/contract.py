"""What every channel offers: a delivery out, an outcome back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bridge.delivery.delivery import Delivery
from bridge.delivery.outcome import Outcome, Verdict

__all__ = ["Channel", "Outcome", "Verdict"]


class Channel(Protocol):
    """One configured destination. Used by several courier workers at a time."""

    name: str
    batch_size: int
    """How many deliveries one send takes in the ordinary course: 1 for what a person reads, more where the far side
    takes batches. A send of more than that is a digest: one message that names them all."""
    digest_limit: int
    """How many deliveries one send takes at all: as many as its longest message can name. ``together`` where there are
    batches and no digests."""

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send these, at least one, as one; the outcome is that of all. Never raises; returns within a time limit."""

    def close(self) -> None:
        """Let go of connections and files."""
