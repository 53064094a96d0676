"""A source at work in a thread, and what it hands over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bridge.alert import Alert
from bridge.sources.contract import Batch, Source


class Taken:
    """Keeps batches; ``hold`` makes every commit wait until it is set."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.hold = threading.Event()
        self.hold.set()
        self.before: Callable[[Batch], None] = lambda _batch: None

    def __call__(self, batch: Batch) -> None:
        self.before(batch)
        self.hold.wait(30)
        self.batches.append(batch)

    @property
    def alerts(self) -> list[Alert]:
        return [alert for batch in self.batches for alert in batch.alerts]

    @property
    def refused(self) -> list[str]:
        return [each.reason for batch in self.batches for each in batch.refused]

    @property
    def checkpoint(self) -> str | None:
        """The last one that was committed."""
        return next((batch.checkpoint for batch in reversed(self.batches) if batch.checkpoint is not None), None)


@contextmanager
def running(source: Source, taken: Taken | None = None) -> Iterator[Taken]:
    taken = taken or Taken()
    thread = threading.Thread(target=source.run, args=(taken,), daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        taken.hold.set()
        source.stop()
        thread.join(15)
        assert not thread.is_alive(), "the source did not stop"
