"""Finds the alerts that are wanted, the newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bridge.history.wanted import Wanted
from bridge.journal.protocols import History
from bridge.journal.records import RecordedAlert

Progress = Callable[[int, int], None]
"""Called now and then with how many alerts of how many have been searched."""
_REPORT_EVERY = 2000


@dataclass(frozen=True, slots=True)
class Search:
    """A search over one journal."""

    history: History

    def newest(
        self, wanted: Wanted, numbers: range, progress: Progress = lambda _done, _all: None
    ) -> Iterator[RecordedAlert]:
        """The wanted alerts with these numbers, the newest first."""
        for count, each in enumerate(self.history.read(numbers, newest_first=True), 1):
            if count % _REPORT_EVERY == 0:
                progress(numbers.stop - each.number, len(numbers))
            if wanted.holds(each):
                yield each
