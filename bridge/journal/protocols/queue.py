"""The deliveries of a journal: those that are open, and those that are not tried again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from bridge.common.clocks.clock import Step
from bridge.delivery import Capacity, Delivery, Health, Settlement
from bridge.journal.records import AttemptRecord, DeadLetter, DeadLetterAct


class DeliveryQueue(Protocol):
    """The deliveries that are pending or claimed, and the health of channels. Used by the courier.

    The order key of a delivery is its incident, or on a channel in strict order its route. Deliveries of one channel
    with the same order key are sent in the order in which they were added: one that is claimed, or that waits for its
    next attempt, holds back the later ones of its key and no others. A delivery without an order key holds back none.
    Health alerts have an order key that precedes all others. A delivery is sent at least once: a claim that is not
    settled ends with its lease.

    Several couriers: each channel is leased by one courier with a token, so that rate, circuit and order stay in one
    place. A member of a fleet has the channels of `own_channels`, none before. Every method that writes then covers
    only those of them that it still has, and changes nothing of the others.
    """

    def own_channels(self, tokens: Mapping[str, int], now_ns: int) -> int:
        """Have these leased channels, and no others. Ends the claims of those that are new, and returns how many.

        Where the journal has one courier, this changes nothing.
        """

    def claim(self, now_ns: int, lease_ns: int, capacity: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """Claim deliveries that are due, oldest first: one tuple for each send, all for one channel.

        A channel gets at most `Capacity.sends` tuples of at most `Capacity.batch_size` deliveries. An order key is in
        one tuple only. A health alert, and a delivery that was released from its order key, has a tuple of its own; the
        released ones come last if `Capacity.released_last` is set. The claim ends at `now_ns + lease_ns`. It survives a
        killed process, and may be lost with the machine. A delivery that cannot be read becomes a dead letter.
        """

    def settle(self, settlements: Sequence[Settlement], health: Mapping[str, Health] | None = None) -> None:
        """Record the results of attempts and the health of channels in one transaction.

        Only deliveries that are pending or claimed change. Each settlement adds one to the attempts; of the failed ones
        the first and the latest are stored.
        """

    def release(self, now_ns: int) -> int:
        """End every claim, and return how many there were. Only for a courier that knows no other one runs."""

    def follow(self, step: Step, health: Mapping[str, Health]) -> None:
        """The wall clock was set: move the times of open deliveries, so that they are as old as they were.

        Records the health of channels, with its times moved, in the same transaction. A delivery that waits for its
        next attempt waits as long as it would have; one that was never tried is due.
        """

    def latest_ns(self) -> int:
        """The latest time at which an open delivery was added or tried; 0 if there is none."""

    def put_back(self, ids: Collection[int], now_ns: int) -> None:
        """End the claims of these deliveries, which were not sent. They are due now.

        As a claim, this survives a killed process, and may be lost with the machine.
        """

    def make_due_now(self, channel: str, now_ns: int) -> None:
        """Make every delivery of the channel due that waits for its next attempt."""

    def expire(self, channel: str, before_ns: int, now_ns: int, reason: str, limit: int) -> int:
        """Turn up to `limit` pending deliveries created by `before_ns` into dead letters, and return how many."""

    def next_due(self, channels: Collection[str]) -> int | None:
        """The earliest time at which a delivery for one of the channels can be claimed; None if there is none."""

    def due_times(self, channels: Collection[str]) -> Mapping[str, int]:
        """The earliest time at which a delivery can be claimed, for each of the channels that has one."""

    def waiting(self, channel: str, limit: int | None = None) -> int:
        """How many deliveries of the channel are pending or claimed, counted up to `limit`."""

    def undelivered(self) -> int:
        """How many deliveries are pending or claimed, including channels that no config names any more."""

    def waiting_channels(self) -> list[str]:
        """The channels that have deliveries pending or claimed, in the config or not."""

    def health(self) -> dict[str, Health]:
        """The last recorded health of each channel."""

    def remove_health_except(self, channels: Collection[str]) -> None:
        """Remove the health of all other channels."""


class DeadLetterQueue(Protocol):
    """The deliveries that are not tried again. Used by operators while the bridge runs or when it does not."""

    def counts(self) -> dict[str, int]:
        """How many dead letters each channel has; channels without any are absent."""

    def unreadable_count(self) -> int:
        """How many dead letters there are because they could not be read: the journal is damaged."""

    def ids(self, channel: str | None = None) -> list[int]:
        """The ids of all dead letters, or of one channel's, in ascending order."""

    def letters(self, channel: str | None = None, delivery_id: int | None = None) -> Iterator[DeadLetter]:
        """All dead letters, one channel's, or the one with that id, in ascending order. Memory use is constant."""

    def attempts(self, delivery_id: int) -> list[AttemptRecord]:
        """The stored failed attempts of a delivery, in order."""

    def acts(self, delivery_id: int) -> list[DeadLetterAct]:
        """Who retried or discarded a delivery while it was a dead letter, in order."""

    def retry(self, ids: Collection[int], now_ns: int, actor: str = "") -> list[int]:
        """Make these dead letters pending and due, with the age of a new delivery. Returns the ids that were dead.

        The act is recorded under the name of ``actor``.
        """

    def discard(self, ids: Collection[int], now_ns: int, actor: str = "") -> list[int]:
        """Mark these dead letters as discarded, and record it as ``retry`` does. Returns the ids that were dead."""
