"""What every channel offers: a delivery out, an outcome back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.delivery.delivery import Delivery


class Verdict(StrEnum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """It may work later: busy, down, timed out."""
    REJECTED = "rejected"
    """This delivery will never be accepted: malformed, too large, blocked by a firewall. It becomes a dead letter."""
    CHANNEL_FAULT = "channel_fault"
    """No delivery will be accepted until the channel is fixed: revoked token, deleted webhook. Deliveries wait."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the channel answered to one delivery."""

    verdict: Verdict
    status: int | None = None
    """The far side's status (HTTP, SMTP), where it gave one."""
    reason: str = ""
    """In a sentence fit for an operator, free of secrets; empty when delivered."""
    retry_after: float | None = None
    """Seconds that the far side asked us to wait; the whole channel waits."""
    applies_to_whole_batch: bool = False
    """Whether none of several deliveries is to blame for a refusal: sent by halves they would fare no better."""


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
