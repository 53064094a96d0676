"""What a channel answers to an attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

CONNECTION_REFUSED = "connection refused"
"""How the reason of an attempt begins whose connection was refused."""


class Verdict(StrEnum):
    """The kind of answer."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """It may work later: busy, down, timed out."""
    REJECTED = "rejected"
    """The service says that this message is invalid: malformed, too large. It becomes a dead letter."""
    AMBIGUOUS = "ambiguous"
    """Refused without saying whether the message or the channel is at fault: a plain 400 or 403. It counts as a fault
    of the channel until the channel accepts another message and refuses this one again."""
    CHANNEL_FAULT = "channel_fault"
    """No delivery will be accepted until the channel is fixed: revoked token, deleted webhook. Deliveries wait."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one attempt. It holds for every delivery of the attempt, unless ``each`` has one for each."""

    verdict: Verdict
    status: int | None = None
    """The service's status (HTTP, SMTP), if it sent one."""
    reason: str = ""
    """A sentence for an operator, without secrets; empty when delivered."""
    retry_after: float | None = None
    """Seconds that the service asked to wait. The whole channel waits."""
    applies_to_whole_batch: bool = False
    """Whether a rejection concerns the whole batch. Such a batch is not split: its halves would be rejected too."""
    each: tuple[Outcome, ...] = ()
    """The outcome of each delivery, in the order of the batch, where the service answers so; see ``summarized``."""


def summarized(each: Sequence[Outcome]) -> Outcome:
    """The outcome of a batch from those of its deliveries. They are delivered, rejected, or to be tried again.

    The batch is tried again if one of them is, delivered if one was accepted, and otherwise rejected; its reason is the
    first of that verdict.
    """
    verdicts = [one.verdict for one in each]
    order = (Verdict.CHANNEL_FAULT, Verdict.RETRY, Verdict.DELIVERED, Verdict.REJECTED)
    first = each[verdicts.index(next(verdict for verdict in order if verdict in verdicts))]
    return first if len(each) == 1 else replace(first, each=tuple(each))
