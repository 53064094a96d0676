"""A courier in this process: a real journal, real threads, and channels that answer as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.channels.contract import Channel
from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock, Timeline
from bridge.courier.courier import Courier
from bridge.delivery import Delivery, Outcome, Verdict
from bridge.delivery.options import ChannelOptions
from bridge.journal.opening import open_for_router, open_to_write
from bridge.journal.protocols import Journal
from bridge.routing import Entry
from tests.support import builders

DELIVERED = Outcome(Verdict.DELIVERED, 200)
Answer = Callable[[Sequence[Delivery]], Outcome]


class Answering:
    """A channel that records what it was sent, and answers as the test says."""

    def __init__(
        self, name: str, answer: Answer = lambda _sent: DELIVERED, batch_size: int = 1, digest_limit: int = 1
    ) -> None:
        self.name = name
        self.batch_size = batch_size
        self.digest_limit = digest_limit
        self.answer = answer
        self.sent: list[list[str]] = []

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        self.sent.append([each.alert.output for each in deliveries])
        return self.answer(deliveries)

    def close(self) -> None:
        """It holds nothing."""


def entry(text: str, *channels: str, route: str = builders.ROUTE, ordered: bool = False) -> Entry:
    """An alert whose output is ``text``, for these channels."""
    return builders.entry(builders.alert(output=text), *channels, route=route, ordered=ordered)


class Working:
    """A journal, and the courier that works on it."""

    def __init__(
        self,
        folder: Path,
        channels: Sequence[Channel],
        options: Mapping[str, ChannelOptions] | None = None,
        jitter: float = 0.1,
        courier_journal: Journal | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self.journal_path = folder / "j.db"
        self.journal = open_for_router(self.journal_path)
        self.courier_journal = courier_journal or open_to_write(folder / "j.db")
        self.courier = Courier(
            self.courier_journal.alerts,
            self.courier_journal.deliveries,
            {each.name: each for each in channels},
            options or {},
            Timeline(clock),
            lambda: jitter,
        )
        self._thread = threading.Thread(target=self.courier.run, daemon=True)

    @property
    def undelivered(self) -> int:
        """How many deliveries are not settled."""
        return self.journal.deliveries.undelivered()

    def add(self, *entries: Entry) -> None:
        """Append alerts, as the router does."""
        self.journal.alerts.append("s", self._clock.wall_ns(), entries)
        self.courier.wake()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.courier.finish()
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.courier_journal.close()
        self.journal.close()

    def ends_within(self, seconds: float) -> bool:
        """Whether the courier ends within that time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()


@contextmanager
def working(
    folder: Path, channels: Sequence[Channel], options: Mapping[str, ChannelOptions] | None = None,
    entries: Sequence[Entry] = (), jitter: float = 0.1, courier_journal: Journal | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[Working]:  # fmt: skip
    """A courier at work; ``entries`` are in the journal before it starts."""
    work = Working(folder, channels, options, jitter, courier_journal, clock)
    work.add(*entries)
    work.start()
    try:
        yield work
    finally:
        work.close()
