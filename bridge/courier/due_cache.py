"""Remembers when the next delivery of each channel is due, so that the journal is queried only after a change."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.journal.protocols import DeliveryQueue


class DueCache:
    """A channel without deliveries then costs nothing while another is busy."""

    def __init__(self, queue: DeliveryQueue, names: Iterable[str]) -> None:
        self._queue = queue
        self._due: dict[str, int | None] = dict.fromkeys(names)
        self._changed = set(self._due)

    def add(self, name: str) -> None:
        """A channel was added, or its deliveries may have changed."""
        self._due.setdefault(name, None)
        self._changed.add(name)

    def change(self, name: str) -> None:
        """The deliveries of that channel have changed."""
        self._changed.add(name)

    def change_all(self) -> None:
        """The deliveries of any channel may have changed."""
        self._changed.update(self._due)

    def may_be_due(self, name: str, now_ns: int) -> bool:
        """Whether the journal has to be queried for deliveries that are due now."""
        due = self._due[name]
        return name in self._changed or (due is not None and due <= now_ns)

    def next_due(self, name: str) -> int | None:
        """When the next delivery is due, in nanoseconds since the epoch; None if there is none."""
        if name in self._changed:
            times = self._queue.due_times(tuple(self._changed))
            self._due |= {each: times.get(each) for each in self._changed}
            self._changed.clear()
        return self._due[name]
