"""A service that answers for each delivery of a batch: each gets its own settlement."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.courier.sending.batch import is_split
from bridge.courier.sending.runner import Runner
from bridge.courier.sending.worker import Attempt
from bridge.delivery import Circuit, Delivery, DeliveryState, Health, Outcome, Settlement, Verdict
from bridge.delivery.options import ChannelOptions
from bridge.delivery.outcome import summarized
from tests.courier.test_suspects import InlineWorkers
from tests.courier.working import Answering
from tests.support.builders import delivery

ACCEPTED, BUSY = Outcome(Verdict.DELIVERED, 201), Outcome(Verdict.RETRY, 429, "busy")
INVALID, FORBIDDEN = Outcome(Verdict.REJECTED, 400, "no such field"), Outcome(Verdict.CHANNEL_FAULT, 403, "forbidden")
SECOND = 1_000_000_000


def settled(*each: Outcome) -> tuple[list[Settlement], Runner]:
    """The settlements of one batch, and the runner afterwards."""
    results: list[tuple[Attempt, Outcome]] = []

    def answer(_sent: Sequence[Delivery]) -> Outcome:
        return summarized(each)

    channel = Answering("c", answer, batch_size=len(each))
    options = ChannelOptions(give_up_after=1e12)
    runner = Runner(
        channel, options, Health(), lambda *result: results.append(result), 1, lambda: 0.5, InlineWorkers
    )  # fmt: skip
    runner.start(tuple(delivery(identity=number) for number, _ in enumerate(each)), SECOND)
    assert isinstance(runner.workers, InlineWorkers)
    runner.workers.make_attempts()
    ((attempt, outcome),) = results
    return runner.end(attempt, outcome, SECOND), runner


def test_each_delivery_of_a_batch_has_its_own_outcome() -> None:
    """Accepted, invalid and busy ones in one answer: nothing is sent twice, and no valid one is lost."""
    settlements, runner = settled(ACCEPTED, INVALID, BUSY)
    states = [DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.PENDING]
    assert [(each.delivery_id, each.state) for each in settlements] == list(enumerate(states))
    assert [each.reason for each in settlements] == ["", "no such field", "busy"]
    assert settlements[2].due_ns > SECOND
    assert not runner.has_split_batches
    assert (runner.health.delivered, runner.health.dead) == (1, 1)
    assert runner.ready_ns(SECOND) != SECOND, "a busy service is given a pause"


def test_a_channel_that_rejects_a_part_of_a_batch_works() -> None:
    """Its circuit stays closed, and it counts as working."""
    _, runner = settled(ACCEPTED, INVALID)
    assert (runner.health.failures, runner.health.delivered, runner.health.dead) == (0, 1, 1)
    _, runner = settled(INVALID, INVALID)
    assert (runner.health.failures, runner.health.delivered, runner.health.dead) == (1, 0, 2)
    assert runner.health.circuit is Circuit.CLOSED


def test_the_worst_outcome_of_its_deliveries_is_that_of_the_batch() -> None:
    """A fault of the channel, then a delivery to try again; it is not split, and one delivery is no batch."""
    assert summarized([ACCEPTED, BUSY, FORBIDDEN]).verdict is Verdict.CHANNEL_FAULT
    assert summarized([ACCEPTED, INVALID, BUSY]).reason == "busy"
    assert summarized([INVALID, ACCEPTED]).verdict is Verdict.DELIVERED
    assert not is_split(2, summarized([INVALID, INVALID]), Circuit.CLOSED)
    assert summarized([INVALID]) == INVALID
