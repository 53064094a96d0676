"""What a channel answers to an attempt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The kind of answer."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """It may work later: busy, down, timed out."""
    REJECTED = "rejected"
    """This delivery will never be accepted: malformed, too large, blocked by a firewall. It becomes a dead letter."""
    CHANNEL_FAULT = "channel_fault"
    """No delivery will be accepted until the channel is fixed: revoked token, deleted webhook. Deliveries wait."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one attempt. It holds for every delivery of the attempt."""

    verdict: Verdict
    status: int | None = None
    """The service's status (HTTP, SMTP), if it sent one."""
    reason: str = ""
    """A sentence for an operator, without secrets; empty when delivered."""
    retry_after: float | None = None
    """Seconds that the service asked to wait. The whole channel waits."""
    applies_to_whole_batch: bool = False
    """Whether a rejection concerns the whole batch. Such a batch is not split: its halves would be rejected too."""
