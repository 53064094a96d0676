"""A source at work in a thread, and what it hands over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bridge.alert import Alert
from bridge.sources.contract import Batch, Source


class Collector:
    """Keeps batches; ``hold`` makes every commit wait until it is set."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self.known: dict[str, str | None] = dict(known or {})
        self.batches: list[Batch] = []
        self.hold = threading.Event()
        self.hold.set()
        self.entered = 0
        """Commits that have begun."""
        self.before: Callable[[Batch], None] = lambda _batch: None

    def __call__(self, batch: Batch) -> None:
        self.before(batch)
        self.entered += 1
        self.hold.wait(60)
        self.batches.append(batch)

    @property
    def alerts(self) -> list[Alert]:
        return [alert for batch in self.batches for alert in batch.alerts]

    @property
    def rejected(self) -> list[str]:
        return [each.reason for batch in self.batches for each in batch.rejected]

    @property
    def checkpoint(self) -> dict[str, str]:
        """As the journal would have it, begun from ``known``."""
        changes = {part: text for batch in list(self.batches) for part, text in batch.checkpoint.items()}
        return {part: text for part, text in (self.known | changes).items() if text is not None}


@contextmanager
def running(source: Source, taken: Collector | None = None) -> Iterator[Collector]:
    taken = taken or Collector()
    thread = threading.Thread(target=source.run, args=(taken,), daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        taken.hold.set()
        source.stop()
        thread.join(60)
        assert not thread.is_alive(), "the source did not stop"
