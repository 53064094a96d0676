"""How much goes out at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.courier.batch import folds, next_limit, splits
from bridge.delivery.outcome import Outcome, Verdict

BUSY, GOOD = Outcome(Verdict.RETRY, 500, "no"), Outcome(Verdict.DELIVERED, 200)


def test_folding_begins_when_too_many_wait_and_goes_on_until_they_are_told() -> None:
    """And never where the options say never."""
    assert [folds(False, waiting, 50) for waiting in (50, 51)] == [False, True]
    assert [folds(True, waiting, 50) for waiting in (2, 1)] == [True, False]
    assert not folds(True, 1000, None)


@given(st.integers(1, 1000), st.integers(0, 999))
def test_a_delivery_that_makes_its_batches_fail_is_alone_within_ten_of_them(batch_size: int, poison: int) -> None:
    """Its neighbours have gone out by then."""
    limit, waiting, sends = batch_size, list(range(1000)), 0
    while waiting != [poison]:
        batch = waiting[: min(limit, batch_size)]
        outcome = BUSY if poison in batch else GOOD
        limit = next_limit(limit, len(batch), outcome)
        waiting = waiting[len(batch) :] if outcome is GOOD else waiting
        sends += 1
        if batch == [poison]:  # it has failed alone, and steps aside
            waiting = [*waiting[1:], poison]
        assert sends < 2 * 1000 / batch_size + 60


def test_only_a_refusal_that_content_can_bring_about_splits_a_batch() -> None:
    """A firewall refuses what looks like an attack; a wrong token refuses everything."""
    assert splits(2, Outcome(Verdict.REJECTED, 403))
    assert not splits(2, Outcome(Verdict.CHANNEL_FAULT, 401))
    assert not splits(2, Outcome(Verdict.REJECTED, 401, applies_to_whole_batch=True))
    assert not splits(1, Outcome(Verdict.REJECTED, 400))
    assert not splits(9, BUSY)
