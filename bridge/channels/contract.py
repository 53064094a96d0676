"""The interface of every channel: ``send`` takes deliveries and returns an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bridge.delivery.delivery import Delivery
from bridge.delivery.outcome import Outcome, Verdict

__all__ = ["Channel", "Outcome", "Verdict"]


class Channel(Protocol):
    """One configured destination. Several courier workers use it concurrently."""

    name: str
    batch_size: int
    """Deliveries per request in normal operation: 1 for messages that people read, more for services that accept
    batches. A request with more than this is a digest: one message that lists all of them."""
    digest_limit: int
    """Maximum deliveries per request: as many as a digest can list. Equal to ``batch_size`` for channels that take
    batches, which have no digests."""

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send one or more deliveries as one request; the outcome applies to all of them, or has one for each.

        Never raises. Returns within a time limit.
        """

    def close(self) -> None:
        """Close connections and files."""


def address_of(channel: Channel) -> tuple[str, int] | None:
    """Host and port that the channel connects to without a proxy, from its ``address``; None if they are not known."""
    address: tuple[str, int] | None = getattr(channel, "address", None)
    return address
