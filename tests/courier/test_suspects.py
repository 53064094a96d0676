"""Unexplained refusals: which message becomes a dead letter, and which ones wait for the channel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.courier.health.suspects import Suspects
from bridge.courier.sending.runner import Runner
from bridge.courier.sending.worker import Attempt, Workers
from bridge.delivery import Circuit, Delivery, DeliveryState, Health, Outcome, Settlement, Verdict
from bridge.delivery.options import ChannelOptions
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import connect
from bridge.journal.sqlite.opening import assemble
from tests.courier.working import DELIVERED, Answering, entry, working
from tests.support.builders import delivery
from tests.support.waiting import wait_until

SECOND = 1_000_000_000
REFUSED = Outcome(Verdict.AMBIGUOUS, 400, "HTTP 400")
DOWN = Outcome(Verdict.RETRY, 503, "HTTP 503")
FAULT = Outcome(Verdict.CHANNEL_FAULT, 401, "HTTP 401")
INVALID = Outcome(Verdict.REJECTED, 413, "HTTP 413")


def send(suspects: Suspects, number: int, outcome: Outcome) -> Verdict:
    """Send that delivery alone; the verdict."""
    sent = (delivery(identity=number),)
    suspects.start(sent)
    return suspects.end(sent, outcome).verdict


def test_a_message_is_invalid_if_it_is_refused_again_after_another_was_accepted() -> None:
    """Not sooner, however often it is refused."""
    suspects = Suspects()
    for _ in range(9):
        assert send(suspects, 1, REFUSED) is Verdict.AMBIGUOUS
        assert not suspects.have_evidence
    assert send(suspects, 2, DELIVERED) is Verdict.DELIVERED
    assert suspects.have_evidence
    sent = (delivery(identity=1),)
    suspects.start(sent)
    rejected = suspects.end(sent, REFUSED)
    assert rejected.verdict is Verdict.REJECTED
    assert rejected.reason == "HTTP 400 (refused again after the channel had accepted another message)"
    assert not suspects.have_evidence
    assert send(suspects, 1, REFUSED) is Verdict.AMBIGUOUS, "an operator's retry starts over"


@pytest.mark.parametrize("failure", [REFUSED, DOWN, FAULT])
def test_a_failure_of_another_delivery_voids_the_evidence(failure: Outcome) -> None:
    """The channel fails again; a rejection in the service's own words is no failure of it."""
    for outcome, verdict in ((failure, Verdict.AMBIGUOUS), (INVALID, Verdict.REJECTED)):
        suspects = Suspects()
        send(suspects, 1, REFUSED)
        send(suspects, 2, DELIVERED)
        send(suspects, 3, outcome)
        assert send(suspects, 1, REFUSED) is verdict


def test_an_attempt_that_began_before_the_acceptance_proves_nothing() -> None:
    """The channel may have been fixed while it was in flight."""
    suspects = Suspects()
    send(suspects, 1, REFUSED)
    first = (delivery(identity=1),)
    suspects.start(first)
    send(suspects, 2, DELIVERED)
    assert suspects.end(first, REFUSED).verdict is Verdict.AMBIGUOUS
    assert not suspects.have_evidence


def test_a_refused_batch_makes_no_suspects() -> None:
    """Any of its deliveries may be the cause. They are sent in smaller batches."""
    suspects = Suspects()
    batch = (delivery(identity=1), delivery(identity=2))
    suspects.start(batch)
    assert suspects.end(batch, REFUSED).verdict is Verdict.AMBIGUOUS
    send(suspects, 3, DELIVERED)
    assert not suspects.have_evidence
    assert send(suspects, 1, REFUSED) is Verdict.AMBIGUOUS


def test_one_invalid_message_becomes_a_dead_letter_and_the_others_are_delivered(tmp_path: Path) -> None:
    """All of one route, one at a time or in batches. The reason has the service's own words."""
    for batch_size in (1, 10):
        folder = tmp_path / str(batch_size)
        folder.mkdir()
        channel = Answering(
            "c",
            lambda sent: REFUSED if any(each.alert.output == "0" for each in sent) else DELIVERED,
            batch_size=batch_size,
        )
        with working(folder, [channel], entries=[entry(str(n), "c") for n in range(40)]) as work:
            wait_until(lambda: work.undelivered == 0, "every delivery to be settled")
            (dead,) = work.journal.history.deliveries(DeliveryState.DEAD)
            health = work.journal.deliveries.health()["c"]
        assert (dead.id, dead.status, dead.reason.startswith("HTTP 400 (refused again")) == (1, 400, True)
        assert (health.circuit, health.dead) == (Circuit.CLOSED, 1)
        assert len(channel.sent) < 80


def test_while_a_channel_refuses_everything_no_delivery_becomes_a_dead_letter(tmp_path: Path) -> None:
    """Its circuit opens, the fallback is notified, and all are delivered once it is fixed."""
    fixed = threading.Event()
    channel = Answering("chat", lambda _sent: DELIVERED if fixed.is_set() else REFUSED)
    mail = Answering("mail")
    options = {"chat": ChannelOptions(fallback="mail", notify_after=0.1)}
    with working(tmp_path, [channel, mail], options, entries=[entry(str(n), "chat") for n in range(30)]) as work:
        wait_until(lambda: len(mail.sent) == 1, "the health alert")
        assert work.journal.deliveries.health()["chat"].circuit is not Circuit.CLOSED
        assert not list(work.journal.history.deliveries(DeliveryState.DEAD))
        fixed.set()
        work.courier.try_now("chat")
        wait_until(lambda: len(mail.sent) == 2, "the end of the outage to be reported")
        wait_until(lambda: work.undelivered == 0, "every delivery to be settled")
        assert {each.state for each in work.journal.history.deliveries()} == {DeliveryState.DELIVERED}
    assert "HTTP 400. Its URL, secret or permissions are probably no longer valid" in mail.sent[0][0]


class InlineWorkers(Workers):
    """Makes the attempts in the calling thread, when the model says so."""

    def _add_thread(self) -> None:
        """There are no threads."""

    def make_attempts(self) -> None:
        """Make every attempt that was started, in order."""
        while not self._queue.empty():
            attempt = self._queue.get()
            self._done(attempt, self._outcome(attempt.send))


@dataclass
class Model:
    """One channel of the courier, its journal and its clock. What the channel answers changes only between two ticks."""

    journal: Journal
    batch_size: int
    concurrency: int
    now_ns: int = 0
    mode: Outcome = DELIVERED
    results: list[tuple[Attempt, Outcome]] = field(default_factory=list)
    added: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another courier takes over: it knows what the journal holds."""
        self.channel = Answering("c", self._answer, self.batch_size, self.batch_size)
        options = ChannelOptions(concurrency=self.concurrency, give_up_after=1e12)
        health = self.journal.deliveries.health().get("c", Health())
        self.runner = Runner(self.channel, options, health, self._done, 0, lambda: 0.5, InlineWorkers)
        self.journal.deliveries.release(self.now_ns)

    def _done(self, attempt: Attempt, outcome: Outcome) -> None:
        self.results.append((attempt, outcome))

    def _answer(self, sent: Sequence[Delivery]) -> Outcome:
        if self.mode is DELIVERED and any(each.alert.output.endswith("invalid") for each in sent):
            return REFUSED
        return self.mode

    def add(self, route: str, *, valid: bool) -> None:
        """An alert of that route."""
        text = f"{next(self.added)} {'valid' if valid else 'invalid'}"
        self.journal.alerts.append("s", self.now_ns, [entry(text, "c", route=route)])

    def tick(self, mode: Outcome, seconds: float) -> None:
        """Time passes; then the courier sends all that it may."""
        self.now_ns += int(seconds * SECOND)
        self.mode = mode
        while self._send_once():
            pass

    def _send_once(self) -> bool:
        runner, queue = self.runner, self.journal.deliveries
        if runner.has_recovered:
            queue.make_due_now("c", self.now_ns)
            runner.has_recovered = False
        runner.start_split_batches(self.now_ns)
        capacity = runner.capacity(self.now_ns, lambda limit: queue.waiting("c", limit))
        for each in queue.claim(self.now_ns, 10**18, {"c": capacity}):
            runner.start(each, self.now_ns)
        assert isinstance(runner.workers, InlineWorkers)
        runner.workers.make_attempts()
        settlements: list[Settlement] = []
        results, self.results = self.results, []
        for attempt, outcome in results:
            settlements += runner.end(attempt, outcome, self.now_ns)
        queue.settle(settlements, {"c": runner.health})
        return bool(results)

    def states(self) -> dict[str, DeliveryState]:
        """The state of each delivery, by the output of its alert."""
        outputs = {each.alert.id: each.alert.output for each in self.journal.history.alerts()}
        return {outputs[each.alert_id]: each.state for each in self.journal.history.deliveries()}


TICKS = st.lists(
    st.tuples(
        st.sampled_from([DELIVERED, REFUSED, DOWN, FAULT]),
        st.sampled_from([0.1, 5.0, 60.0, 300.0]),
        st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=4),
        st.integers(0, 3).map(lambda number: number == 3),
    ),
    max_size=10,
)


@pytest.fixture
def make_journal(tmp_path: Path) -> Callable[[], Journal]:
    """Makes empty journals that do not wait for the disk."""
    numbers = count()

    def make() -> Journal:
        path = tmp_path / f"{next(numbers)}.db"
        open_for_router(path).close()
        connection = connect(path)
        connection.execute("PRAGMA synchronous = OFF")
        return assemble(Database(connection, path))

    return make


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(ticks=TICKS, batch_size=st.sampled_from([1, 1, 4]), concurrency=st.integers(1, 2))
def test_only_invalid_messages_become_dead_letters_for_any_answers_of_the_channel(
    make_journal: Callable[[], Journal],
    ticks: list[tuple[Outcome, float, list[tuple[str, bool]], bool]],
    batch_size: int,
    concurrency: int,
) -> None:
    """None before the channel has accepted another message, all of them after it; every other one is delivered."""
    with closing(make_journal()) as journal:
        model = Model(journal, batch_size, concurrency)
        for mode, seconds, arrivals, restarts in ticks:
            if restarts:
                model.restart()
            for route, valid in arrivals:
                model.add(route, valid=valid)
            model.tick(mode, seconds)
            for output, state in model.states().items():
                assert state is not DeliveryState.DEAD or output.endswith("invalid")
        for _ in range(20):
            model.add("b", valid=True)
            model.tick(DELIVERED, 300.0)
            if not journal.deliveries.undelivered():
                break
        for output, state in model.states().items():
            assert state is (DeliveryState.DEAD if output.endswith("invalid") else DeliveryState.DELIVERED), output


def test_a_channel_at_fault_sees_few_requests_for_a_large_batch(make_journal: Callable[[], Journal]) -> None:
    """The batch is split down to single deliveries; when two are refused, the rest waits in the journal."""
    with closing(make_journal()) as journal:
        model = Model(journal, 500, 1)
        for _ in range(500):
            model.add("a", valid=True)
        model.tick(REFUSED, 0.0)
        sizes = [len(each) for each in model.channel.sent]
        assert sizes == [500, 250, 125, 62, 31, 15, 7, 3, 1, 2, 1]
        assert not model.runner.has_split_batches
        model.tick(DELIVERED, 300.0)
        assert set(model.states().values()) == {DeliveryState.DELIVERED}


def test_any_number_of_invalid_messages_in_a_row_is_passed_in_time(make_journal: Callable[[], Journal]) -> None:
    """A noisy rule whose text the service dislikes delays the alerts behind it, but does not block them."""
    with closing(make_journal()) as journal:
        model = Model(journal, 1, 2)
        for _ in range(60):
            model.add("a", valid=False)
        model.add("a", valid=True)
        while DeliveryState.DELIVERED not in model.states().values():
            model.tick(DELIVERED, 1.0)
            assert model.now_ns < 1800 * SECOND
        model.tick(DELIVERED, 0.0)
        states = list(model.states().values())
    assert states == [DeliveryState.DEAD] * 60 + [DeliveryState.DELIVERED]
