"""Counts over time, in buckets that become wider if there would be too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

_SECOND = 1_000_000_000
_WIDTHS = tuple(
    seconds * _SECOND for seconds in (1, 10, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000)
)
_MAX_BUCKETS = 48
"""Buckets from the first to the last one."""

Key = TypeVar("Key", bound=Hashable)
Other = TypeVar("Other", bound=Hashable)


class Timelines(Generic[Key]):
    """Counts by key and bucket. All keys have buckets of the same width, which start at multiples of it."""

    def __init__(self) -> None:
        self.width_ns = _WIDTHS[0]
        self._counts: Counter[tuple[Key, int]] = Counter()
        self._range = range(0)
        """The buckets from the earliest to the latest."""

    def add(self, key: Key, at_ns: int, count: int = 1) -> None:
        """Count at that time."""
        if at_ns // self.width_ns not in self._range:
            self._include(at_ns)
        self._counts[key, at_ns // self.width_ns] += count

    def merge(self, other: Timelines[Key]) -> None:
        """Add the counts of another run."""
        while self.width_ns < other.width_ns:
            self._widen()
        for (key, bucket), count in other._counts.items():
            self.add(key, bucket * other.width_ns, count)

    def expanded(self, keys: Callable[[Key], Iterable[Other]]) -> Timelines[Other]:
        """The same counts, those of each key for several others."""
        found: Timelines[Other] = Timelines()
        found.width_ns, found._range = self.width_ns, self._range
        for (key, bucket), count in self._counts.items():
            for other in keys(key):
                found._counts[other, bucket] += count
        return found

    def buckets(self, key: Key) -> list[tuple[int, int]]:
        """The start of each bucket that is not empty, in nanoseconds since the epoch, with its count."""
        found = ((bucket * self.width_ns, self._counts[key, bucket]) for bucket in self._range)
        return [(start_ns, count) for start_ns, count in found if count]

    def row(self, key: Key) -> list[int]:
        """The count of every bucket from the first to the last one of all keys."""
        return [self._counts[key, bucket] for bucket in self._range]

    def _include(self, at_ns: int) -> None:
        """Extend the range to that time."""
        while True:
            bucket = at_ns // self.width_ns
            first = min(self._range.start, bucket) if self._range else bucket
            last = max(self._range.stop - 1, bucket) if self._range else bucket
            if last - first < _MAX_BUCKETS:
                self._range = range(first, last + 1)
                return
            self._widen()

    def _widen(self) -> None:
        """Make the buckets wider by one step."""
        old = self.width_ns
        self.width_ns = next((each for each in _WIDTHS if each > old), old * 2)
        counts, self._counts = self._counts, Counter()
        for (key, bucket), count in counts.items():
            self._counts[key, bucket * old // self.width_ns] += count
        if self._range:
            first, last = (each * old // self.width_ns for each in (self._range.start, self._range.stop - 1))
            self._range = range(first, last + 1)
