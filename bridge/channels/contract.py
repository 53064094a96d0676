"""What every channel offers: a delivery out, an outcome back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.journal.model import Delivery


class Verdict(StrEnum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """It may work later: busy, down, timed out."""
    REFUSED = "refused"
    """It will never work as it is: unknown webhook, bad token, malformed."""


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


class Channel(Protocol):
    """One configured destination. Used by one courier worker at a time."""

    name: str

    def send(self, delivery: Delivery) -> Outcome:
        """Send one delivery. Never raises; returns within the channel's time limit."""

    def close(self) -> None:
        """Let go of connections and files."""
