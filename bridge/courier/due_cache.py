"""When something is due for each channel: the journal is asked only where that may have changed."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.journal.sqlite import Journal


class DueCache:
    """So that a channel without work costs nothing while another is busy."""

    def __init__(self, journal: Journal, names: Iterable[str]) -> None:
        self._journal = journal
        self._due: dict[str, int | None] = dict.fromkeys(names)
        self._changed = set(self._due)

    def change(self, name: str) -> None:
        """That channel's deliveries have changed."""
        self._changed.add(name)

    def change_all(self) -> None:
        """Anybody's may have."""
        self._changed.update(self._due)

    def may_be(self, name: str, now_ns: int) -> bool:
        """Whether it is worth looking whether something is due now."""
        due = self._due[name]
        return name in self._changed or (due is not None and due <= now_ns)

    def at(self, name: str) -> int | None:
        """When the next delivery is due, in nanoseconds since the epoch; None without any."""
        if name in self._changed:
            self._due[name] = self._journal.next_due([name])
            self._changed.discard(name)
        return self._due[name]
