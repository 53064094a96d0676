"""How many deliveries one send holds, and when waiting deliveries are sent as a digest. Pure."""

from __future__ import annotations

from bridge.delivery import Circuit, Outcome, Verdict


def sends_digests(before: bool, waiting: int, digest_after: int | None) -> bool:  # noqa: FBT001  # the state before
    """Whether waiting deliveries are sent as digests: from more than ``digest_after`` on, until one is left."""
    if digest_after is None:
        return False
    return waiting > (1 if before else digest_after)


def next_limit(limit: int, size: int, outcome: Outcome) -> int:
    """The size limit of the next batch after one of ``size``: half of it after a failure, double after a success.

    So a delivery that makes its batches fail is soon sent alone, and a service that has just recovered is not flooded.
    """
    if outcome.verdict in {Verdict.RETRY, Verdict.CHANNEL_FAULT}:
        return max(1, size // 2)
    return max(limit, size * 2) if outcome.verdict is Verdict.DELIVERED else limit


def is_split(size: int, outcome: Outcome, circuit: Circuit) -> bool:
    """Whether a refused batch is sent again in two parts, since only some of its deliveries may be the cause.

    If the refusal is ambiguous, only while the circuit is closed: a channel at fault would refuse the parts, too.
    """
    if size == 1 or outcome.applies_to_whole_batch or outcome.each:
        return False
    if outcome.verdict is Verdict.AMBIGUOUS:
        return circuit is Circuit.CLOSED
    return outcome.verdict is Verdict.REJECTED
