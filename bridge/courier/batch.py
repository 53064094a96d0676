"""How many deliveries one send takes, and when they fold into a digest. Pure."""

from __future__ import annotations

from bridge.delivery.outcome import Outcome, Verdict


def folds(folding: bool, waiting: int, digest_after: int | None) -> bool:  # noqa: FBT001  # what it was before
    """Whether what waits goes out as digests: once too many wait, until hardly any do."""
    if digest_after is None:
        return False
    return waiting > (1 if folding else digest_after)


def next_limit(limit: int, size: int, outcome: Outcome) -> int:
    """How large the next batch may be, after one of ``size``: half of one that failed, twice of one that went through.

    So a delivery that makes a batch fail is found, and a far side that has just come back is not flooded.
    """
    if outcome.verdict in {Verdict.RETRY, Verdict.CHANNEL_FAULT}:
        return max(1, size // 2)
    return max(limit, size * 2) if outcome.verdict is Verdict.DELIVERED else limit


def splits(size: int, outcome: Outcome) -> bool:
    """Whether a refused batch is sent again in halves: one of it may be what was refused, and not its neighbours."""
    return outcome.verdict is Verdict.REJECTED and size > 1 and not outcome.applies_to_whole_batch
