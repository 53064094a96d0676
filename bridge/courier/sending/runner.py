"""Sends the deliveries of one channel: what it can take now, what is in flight, and what its answers mean."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from msgspec import structs

from bridge.channels.contract import Channel, address_of
from bridge.common.clocks.clock import Step
from bridge.courier.clock_steps import moved_deliveries, moved_health
from bridge.courier.health.circuit import after_restart, after_send, before_send
from bridge.courier.health.retry import TOO_MANY_REQUESTS, is_refused, settlement, wait_seconds
from bridge.courier.health.suspects import Suspects
from bridge.courier.sending import bucket
from bridge.courier.sending.batch import is_split, next_limit, sends_digests
from bridge.courier.sending.worker import Attempt, Done, Send, Workers
from bridge.delivery import Capacity, Circuit, DeliveryState, Health, Outcome, Settlement, Verdict
from bridge.delivery.options import ChannelOptions
from bridge.delivery.outcome import CONNECTION_REFUSED

AHEAD = 10
"""Attempts of a channel that may wait for a thread, or for their settlement, besides those that threads make."""
_FILLS_BATCH_SECONDS = 0.5
"""How long the next batch is held until it is full."""
_NOT_READY = {502, 503, 504}
"""What a service that is starting answers, or a proxy before it. None of it is the fault of a delivery."""
_SECOND = 1_000_000_000


class Runner:
    """A channel with its options, its health and its threads. Used by the courier's main thread only."""

    def __init__(
        self,
        channel: Channel,
        options: ChannelOptions,
        health: Health,
        done: Done,
        now_ns: int,
        jitter: Callable[[], float],
        workers: type[Workers] = Workers,
    ) -> None:
        """``health`` is what the previous courier recorded; ``done`` is called from the threads with each result."""
        self.name = channel.name
        self.options = options
        rate = str(options.rate) if options.rate else ""
        self.health = structs.replace(after_restart(health), rate=rate, since_ns=health.since_ns or now_ns)
        self._was_refused = health.failures > 0 and health.reason.startswith(CONNECTION_REFUSED)
        """Whether a connection was refused, and since then no attempt had another result than a retry."""
        self.changed = self.health != health
        """Whether the health has to be recorded."""
        takes_more = channel.batch_size == 1 and options.rate is None and options.digest_after is None
        self.workers = workers(channel, options.concurrency, done, AHEAD if takes_more else 0)
        self._channel = channel
        self._jitter = jitter
        self._bucket = bucket.full(options.rate, now_ns) if options.rate else None
        self._paused_ns = 0
        self._digesting = False
        self._limit = channel.batch_size
        self._split: deque[Send] = deque()
        self._suspects = Suspects()
        self._fills_batch = False
        """Whether the next batch is held until it is full, or until one in flight has ended."""
        self.is_retired = False
        """Whether it sends nothing more: its settings have changed, or its channel was removed."""
        self.taken_back: list[int] = []
        """The ids of claimed deliveries that are not sent now, to be put back."""
        self.has_recovered = False
        """Whether retries need not wait any longer: the circuit has just closed, or may close, or suspects are to be
        sent again."""

    @property
    def busy(self) -> bool:
        """Whether anything is in flight, or is sent without another claim."""
        return self.workers.busy or self.has_split_batches

    @property
    def in_flight(self) -> frozenset[int]:
        """The ids of the deliveries that are in flight, or are sent without another claim."""
        return self.workers.ids.union(each.id for send in self._split for each in send)

    @property
    def has_split_batches(self) -> bool:
        """Whether parts of a refused batch wait to be sent again."""
        return bool(self._split)

    def ready_ns(self, now_ns: int) -> int | None:
        """The earliest time of the next send; None where an attempt has to end first, or where it is retired."""
        if self.workers.free <= 0 or self.is_retired:
            return None
        if self._fills_batch and (oldest := self.workers.oldest()) is not None:
            now_ns += max(int((oldest + _FILLS_BATCH_SECONDS - time.monotonic()) * _SECOND), 0)
        earliest = max(now_ns, self._paused_ns)
        if self.health.circuit is not Circuit.CLOSED:
            return None if self.workers.busy else max(earliest, self.health.probe_ns)
        if self._bucket is None or self.options.rate is None:
            return earliest
        return max(earliest, bucket.next_ns(self._bucket, self.options.rate, now_ns))

    def capacity(self, now_ns: int, waiting: Callable[[int], int]) -> Capacity:
        """What it can take now. ``waiting`` counts the deliveries that wait for it, up to a number."""
        self._fills_batch = False
        if self._split or not self._may_send(now_ns):
            return Capacity(0)
        if self.health.circuit is not Circuit.CLOSED:
            return Capacity(1, released_last=True)
        sends = self.workers.free
        if self._bucket is not None and self.options.rate is not None:
            sends = min(sends, bucket.available(self._bucket, self.options.rate, now_ns))
        if self._channel.batch_size > 1:
            sends = self._full_batches(sends, waiting)
        return Capacity(sends, self._batch_size(waiting), incidents_apart=self.options.incidents_apart)

    def _full_batches(self, most: int, waiting: Callable[[int], int]) -> int:
        """Beside a batch in flight only full ones are sent: the more a service is used, the fewer requests it gets."""
        oldest = self.workers.oldest()
        if oldest is None or time.monotonic() - oldest > _FILLS_BATCH_SECONDS:
            return most
        size, sent = min(self._channel.batch_size, self._limit), self.workers.deliveries
        full = (waiting(sent + most * size) - sent) // size
        self._fills_batch = full == 0
        return min(most, full)

    def start(self, send: Send, now_ns: int) -> None:
        """Send these deliveries."""
        if self._bucket is not None and self.options.rate is not None:
            self._bucket = bucket.taken(self._bucket, self.options.rate, now_ns)
        self.note(before_send(self.health, now_ns))
        self._suspects.start(send)
        self.workers.start(send)

    def start_split_batches(self, now_ns: int) -> None:
        """Send the parts of a refused batch, as many as it can take."""
        while self._split and self._may_send(now_ns):
            self.start(self._split.popleft(), now_ns)

    def end(self, attempt: Attempt, outcome: Outcome, now_ns: int) -> list[Settlement]:
        """The settlements of the attempt's deliveries."""
        outcome = self._suspects.end(attempt.send, outcome)
        self.has_recovered |= outcome.verdict is Verdict.DELIVERED and self._suspects.have_evidence
        if attempt.is_late:
            delivered = self.health.delivered + _delivered(attempt.send, outcome)
            self.note(structs.replace(self.health, delivered=delivered, success_ns=now_ns))
            return self._settlements(attempt.send, outcome, now_ns)
        self.workers.end(attempt)
        send, size = attempt.send, len(attempt.send)
        self._fills_batch = False
        self._limit = next_limit(self._limit, size, outcome)
        self._pause(attempt, outcome, now_ns)
        if is_split(size, outcome, self.health.circuit) and not self.is_retired:
            self._split.extendleft((send[size // 2 :], send[: size // 2]))  # down to single ones first
            return []
        was_open = self.health.circuit is not Circuit.CLOSED
        self._was_refused = is_refused(outcome) or (self._was_refused and outcome.verdict is Verdict.RETRY)
        self.note(_after_attempt(self.health, send, outcome, now_ns, self._jitter()))
        self.has_recovered |= was_open and self.health.circuit is Circuit.CLOSED
        settlements = self._settlements(send, outcome, now_ns)
        while self._split and self.health.circuit is Circuit.OPEN:
            settlements += self._settlements(self._split.popleft(), outcome, now_ns)
        if self.health.circuit is not Circuit.CLOSED or self._paused_ns > now_ns:
            self.take_back()
        given_up = sum(each.state is DeliveryState.DEAD for each in settlements)
        if given_up and outcome.verdict is not Verdict.REJECTED:
            self.count_dead(given_up)
        return settlements

    def retire(self) -> None:
        """Send nothing more but what is in flight."""
        self.is_retired = True
        self.taken_back += [each.id for send in self._split for each in send]
        self._split.clear()

    def close(self) -> None:
        """Close the channel's connections, once nothing is in flight."""
        if not self.workers.timed_out:
            self._channel.close()

    def take_back(self) -> None:
        """Send nothing more of what waits for a thread."""
        for send in self.workers.take_back():
            self._suspects.take_back(send)
            self.taken_back += [each.id for each in send]

    @property
    def returning_address(self) -> tuple[str, int] | None:
        """Its host and port, if it refused connections and has not worked since."""
        return address_of(self._channel) if self._was_refused else None

    def port_is_open(self, now_ns: int) -> None:
        """Its port accepts connections again: try it, unless it said when."""
        if self._was_refused and self._paused_ns <= now_ns:
            self.try_now(now_ns)

    def try_now(self, now_ns: int) -> None:
        """The channel may work again: send the next probe, or what waits for another attempt, at once."""
        self._paused_ns = 0
        self.has_recovered |= self.health.failures > 0
        if self.health.circuit is Circuit.OPEN:
            self.note(structs.replace(self.health, probe_ns=now_ns))

    def follow(self, step: Step) -> None:
        """The wall clock was set: its rate, pause, circuit and outage continue where they were."""
        if self._bucket is not None:
            self._bucket = replace(self._bucket, at_ns=step.moved(self._bucket.at_ns))
        self._paused_ns = step.moved_if_set(self._paused_ns)
        self._split = deque(moved_deliveries(each, step) for each in self._split)
        self.workers.follow(step)
        self.note(moved_health(self.health, step))

    def count_dead(self, count: int) -> None:
        """Count deliveries that became dead letters because of their age."""
        self._suspects.clear()  # it would remember some of them for ever
        self.note(structs.replace(self.health, dead=self.health.dead + count))

    def note(self, health: Health) -> None:
        """Replace the health."""
        self.changed = self.changed or health != self.health
        self.health = health

    def _may_send(self, now_ns: int) -> bool:
        ready = self.ready_ns(now_ns)
        return ready is not None and ready <= now_ns

    def _batch_size(self, waiting: Callable[[int], int]) -> int:
        """The channel's batch size, or its digest limit where too many deliveries wait for a person."""
        size = self._channel.batch_size
        if self.options.digest_after is not None and self._channel.digest_limit > size:
            count = waiting(self.options.digest_after + 1)
            self._digesting = sends_digests(self._digesting, count, self.options.digest_after)
            size = self._channel.digest_limit if self._digesting else size
        return max(1, min(size, self._limit))

    def _pause(self, attempt: Attempt, outcome: Outcome, now_ns: int) -> None:
        """Pause the whole channel where the service asks for it: as long as it says, else with the usual backoff."""
        if outcome.verdict is not Verdict.RETRY:
            return
        if outcome.retry_after is not None or outcome.status == TOO_MANY_REQUESTS:
            seconds = wait_seconds(attempt.send[0].attempts, outcome, self._jitter())
            self._paused_ns = now_ns + int(seconds * _SECOND)

    def _settlements(self, send: Send, outcome: Outcome, now_ns: int) -> list[Settlement]:
        """The same jitter for all: deliveries that failed together are due again together."""
        jitter, outcomes = self._jitter(), outcome.each or (outcome,) * len(send)
        pairs = zip(send, outcomes, strict=True)
        settled = [settlement(each, its, now_ns, jitter, self.options.give_up_after) for each, its in pairs]
        if len(send) > 1 or (self._was_refused and outcome.status in _NOT_READY):
            settled = [structs.replace(each, released_from_order=False) for each in settled]
        if len(send) > self._channel.batch_size and outcome.verdict is Verdict.DELIVERED:
            self.note(structs.replace(self.health, digested=self.health.digested + len(send)))
            settled = [structs.replace(each, digest_id=send[0].id) for each in settled]
        return settled


def _delivered(send: Send, outcome: Outcome) -> int:
    """How many deliveries the channel accepted."""
    return sum(each.verdict is Verdict.DELIVERED for each in outcome.each or (outcome,) * len(send))


def _after_attempt(health: Health, send: Send, outcome: Outcome, now_ns: int, jitter: float) -> Health:
    """The health after an attempt. A part of a batch may be accepted although the batch failed."""
    accepted = _delivered(send, outcome)
    if outcome.verdict is Verdict.DELIVERED:
        return after_send(health, outcome, accepted, now_ns, jitter)
    health = after_send(health, outcome, len(send), now_ns, jitter)
    return structs.replace(health, delivered=health.delivered + accepted)
