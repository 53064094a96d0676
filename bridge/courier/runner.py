"""One channel at work: what it may take now, what goes out, and what its answers mean."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from bridge.channels.contract import Channel
from bridge.courier import bucket
from bridge.courier.batch import folds, next_limit, splits
from bridge.courier.circuit import after_restart, after_send, before_send
from bridge.courier.retry import TOO_MANY, settlement, wait_seconds
from bridge.courier.worker import Attempt, Done, Send, Workers
from bridge.delivery import Capacity, Circuit, DeliveryState, Health, Settlement
from bridge.delivery.options import ChannelOptions
from bridge.delivery.outcome import Outcome, Verdict

_SECOND = 1_000_000_000


class Runner:
    """A channel with its options, its health and its threads. Used by the courier's own thread only."""

    def __init__(
        self, channel: Channel, options: ChannelOptions, health: Health, done: Done, jitter: Callable[[], float]
    ) -> None:
        """``health`` is how the last courier left it; ``done`` hears of each attempt's end, from its thread."""
        self.name = channel.name
        self.options = options
        rate = str(options.rate) if options.rate else ""
        self.health = replace(after_restart(health), rate=rate, since_ns=health.since_ns or time.time_ns())
        self.changed = self.health != health
        """Whether the health is to be written down."""
        self.workers = Workers(channel, options.concurrency, done)
        self._channel = channel
        self._dice = jitter
        self._bucket = bucket.full(options.rate, time.time_ns()) if options.rate else None
        self._paused_ns = 0
        self._folding = False
        self._limit = channel.batch_size
        self._halves: deque[Send] = deque()
        self.has_come_back = False
        """Whether its circuit has just closed, or may: what waits for its next attempt need not wait longer."""

    @property
    def busy(self) -> bool:
        """Whether anything is in flight, or is to go out without another claim."""
        return self.workers.busy or self.has_halves

    @property
    def has_halves(self) -> bool:
        """Whether a refused batch waits to go out again in halves."""
        return bool(self._halves)

    def ready_ns(self, now_ns: int) -> int | None:
        """When it may send again, at the earliest; None where an attempt has to end first."""
        if self.workers.free <= 0:
            return None
        earliest = max(now_ns, self._paused_ns)
        if self.health.circuit is not Circuit.CLOSED:
            return None if self.workers.busy else max(earliest, self.health.probe_ns)
        if self._bucket is None or self.options.rate is None:
            return earliest
        return max(earliest, bucket.next_ns(self._bucket, self.options.rate, now_ns))

    def room(self, now_ns: int, waiting: Callable[[int], int]) -> Capacity:
        """What it can take now. ``waiting`` counts what waits for it, up to a number."""
        if self._halves or not self._may_send(now_ns):
            return Capacity(0)
        if self.health.circuit is not Circuit.CLOSED:
            return Capacity(1)
        sends = self.workers.free
        if self._bucket is not None and self.options.rate is not None:
            sends = min(sends, bucket.whole(self._bucket, self.options.rate, now_ns))
        return Capacity(sends, self._together(waiting))

    def begin(self, send: Send, now_ns: int) -> None:
        """Send it."""
        if self._bucket is not None and self.options.rate is not None:
            self._bucket = bucket.taken(self._bucket, self.options.rate, now_ns)
        self.note(before_send(self.health, now_ns))
        self.workers.begin(send)

    def begin_halves(self, now_ns: int) -> None:
        """Send on what a refused batch was split into, as far as there is room."""
        while self._halves and self._may_send(now_ns):
            self.begin(self._halves.popleft(), now_ns)

    def end(self, attempt: Attempt, outcome: Outcome, now_ns: int) -> list[Settlement]:
        """What the attempt's outcome means for each of its deliveries."""
        if attempt.is_late:
            self.note(replace(self.health, delivered=self.health.delivered + len(attempt.send), success_ns=now_ns))
            return self._settled(attempt.send, outcome, now_ns)
        self.workers.end(attempt)
        send, size = attempt.send, len(attempt.send)
        self._limit = next_limit(self._limit, size, outcome)
        self._pause(attempt, outcome, now_ns)
        if splits(size, outcome):
            self._halves += (send[: size // 2], send[size // 2 :])
            return []
        was_open = self.health.circuit is not Circuit.CLOSED
        self.note(after_send(self.health, outcome, size, now_ns, self._dice()))
        self.has_come_back |= was_open and self.health.circuit is Circuit.CLOSED
        settled = self._settled(send, outcome, now_ns)
        given_up = sum(each.state is DeliveryState.DEAD for each in settled)
        if given_up and outcome.verdict is not Verdict.REJECTED:
            self.count_dead(given_up)
        return settled

    def try_now(self, now_ns: int) -> None:
        """Somebody has reason to think that it works again: let the next probe out at once."""
        self._paused_ns = 0
        if self.health.circuit is Circuit.OPEN:
            self.note(replace(self.health, probe_ns=now_ns))
            self.has_come_back = True

    def count_dead(self, count: int) -> None:
        """So many of its deliveries have been given up."""
        self.note(replace(self.health, dead=self.health.dead + count))

    def close(self) -> None:
        """Let the channel go."""
        self._channel.close()

    def _may_send(self, now_ns: int) -> bool:
        ready = self.ready_ns(now_ns)
        return ready is not None and ready <= now_ns

    def _together(self, waiting: Callable[[int], int]) -> int:
        """Batches where the far side takes them; a digest where too many wait for a person."""
        most = self._channel.batch_size
        if self.options.digest_after is not None and self._channel.digest_limit > most:
            self._folding = folds(self._folding, waiting(self.options.digest_after + 1), self.options.digest_after)
            most = self._channel.digest_limit if self._folding else most
        return max(1, min(most, self._limit))

    def _pause(self, attempt: Attempt, outcome: Outcome, now_ns: int) -> None:
        """The far side's wish is the whole channel's; where it says too many without a time, the time is ours."""
        if outcome.verdict is not Verdict.RETRY:
            return
        if outcome.retry_after is not None or outcome.status == TOO_MANY:
            seconds = wait_seconds(attempt.send[0].attempts, outcome, self._dice())
            self._paused_ns = now_ns + int(seconds * _SECOND)

    def _settled(self, send: Send, outcome: Outcome, now_ns: int) -> list[Settlement]:
        """One outcome is that of all, and one throw of the jitter: what failed together is due again together."""
        jitter = self._dice()
        settled = [settlement(each, outcome, now_ns, jitter, self.options.give_up_after) for each in send]
        if len(send) > 1:
            settled = [replace(each, aside=False) for each in settled]
        if len(send) > self._channel.batch_size and outcome.verdict is Verdict.DELIVERED:
            self.note(replace(self.health, folded=self.health.folded + len(send)))
            settled = [replace(each, digest=send[0].id) for each in settled]
        return settled

    def note(self, health: Health) -> None:
        """Its health is this from now on."""
        self.changed = self.changed or health != self.health
        self.health = health
