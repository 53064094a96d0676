"""How many deliveries one send holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.courier.sending.batch import is_split, next_limit, sends_digests
from bridge.delivery import Circuit, Outcome, Verdict

BUSY, GOOD = Outcome(Verdict.RETRY, 500, "no"), Outcome(Verdict.DELIVERED, 200)


def test_digests_start_when_too_many_wait_and_end_when_one_is_left() -> None:
    """Never where the options say never."""
    assert [sends_digests(False, waiting, 50) for waiting in (50, 51)] == [False, True]
    assert [sends_digests(True, waiting, 50) for waiting in (2, 1)] == [True, False]
    assert not sends_digests(True, 1000, None)


@given(st.integers(1, 1000), st.integers(0, 999))
def test_a_delivery_that_makes_its_batches_fail_is_soon_alone(batch_size: int, cause: int) -> None:
    """All others have been delivered by then."""
    limit, waiting, sends = batch_size, list(range(1000)), 0
    while waiting != [cause]:
        batch = waiting[: min(limit, batch_size)]
        outcome = BUSY if cause in batch else GOOD
        limit = next_limit(limit, len(batch), outcome)
        waiting = waiting[len(batch) :] if outcome is GOOD else waiting
        sends += 1
        if batch == [cause]:  # it has failed alone, and is released from its order key
            waiting = [*waiting[1:], cause]
        assert sends < 2 * 1000 / batch_size + 60


def test_a_batch_is_split_only_if_its_content_may_be_the_cause() -> None:
    """A firewall rejects what looks like an attack; with a wrong token everything fails."""
    for circuit in Circuit:
        assert is_split(2, Outcome(Verdict.REJECTED, 403), circuit)
        assert is_split(2, Outcome(Verdict.AMBIGUOUS, 400), circuit) == (circuit is Circuit.CLOSED)
        assert not is_split(2, Outcome(Verdict.CHANNEL_FAULT, 401), circuit)
        assert not is_split(2, Outcome(Verdict.REJECTED, 401, applies_to_whole_batch=True), circuit)
        assert not is_split(1, Outcome(Verdict.REJECTED, 400), circuit)
        assert not is_split(9, BUSY, circuit)
