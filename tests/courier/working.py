"""A courier at work in this process: a real journal, real threads, and channels that answer as a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.alert import Priority, make_alert
from bridge.courier.courier import Courier
from bridge.delivery import Delivery
from bridge.delivery.options import ChannelOptions
from bridge.delivery.outcome import Outcome, Verdict
from bridge.journal.sqlite import Entry, Journal
from bridge.routing import Decision, Notification, Reason, Routed

GOOD = Outcome(Verdict.DELIVERED, 200)
Answer = Callable[[Sequence[Delivery]], Outcome]


class Answering:
    """A channel that keeps what it was sent, and answers as told."""

    def __init__(
        self, name: str, answer: Answer = lambda _sent: GOOD, batch_size: int = 1, digest_limit: int = 1
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
        """Nothing is held."""


def entry(text: str, *channels: str, route: str = "r") -> Entry:
    """An alert that says ``text``, for these channels."""
    alert = make_alert(time_ns=1, priority=Priority.ERROR, rule="r", source="s", hostname="h", tags=(), output=text,
                       fields={"n": text})  # fmt: skip
    told = tuple(Notification(channel, (route,), Priority.ERROR) for channel in channels)
    return Entry(alert, Routed((Decision(route, Reason.SENT, channels),), told))


class Working:
    """A journal, and the courier that works on it."""

    def __init__(
        self,
        folder: Path,
        channels: Sequence[Answering],
        options: Mapping[str, ChannelOptions] | None = None,
        jitter: float = 0.1,
    ) -> None:
        self.journal = Journal.open_for_router(folder / "j.db")
        self.courier_journal = Journal.open(folder / "j.db")
        self.courier = Courier(
            self.courier_journal, {each.name: each for each in channels}, options or {}, lambda: jitter
        )
        self._thread = threading.Thread(target=self.courier.run, daemon=True)

    def add(self, *entries: Entry) -> None:
        """Take alerts in, as the router does."""
        self.journal.append("s", time.time_ns(), entries)
        self.courier.wake()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.courier.leave()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.courier_journal.close()
        self.journal.close()

    def await_end(self, seconds: float) -> bool:
        """Whether the courier has left by itself within that time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()


@contextmanager
def working(
    folder: Path, channels: Sequence[Answering], options: Mapping[str, ChannelOptions] | None = None,
    entries: Sequence[Entry] = (), jitter: float = 0.1,
) -> Iterator[Working]:  # fmt: skip
    """A courier at work; ``entries`` are in the journal before it starts."""
    work = Working(folder, channels, options, jitter)
    work.add(*entries)
    work.start()
    try:
        yield work
    finally:
        work.close()
