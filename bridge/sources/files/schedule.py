"""When the files of a source are scanned: on changes reported by the kernel, and regularly."""

from __future__ import annotations

import time
from dataclasses import dataclass

_MIN_PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class FollowTimes:
    """How often all files are checked, and how long files without a name are kept open. Seconds."""

    scan: float = 5.0
    """Between two scans while the kernel reports changes."""
    poll: float = 0.25
    """Between two scans while it cannot, for example on a network file system."""
    share: float = 200
    """A scan takes at most one part in ``share`` of the time, and ten parts while files come and go."""
    renamed: float = 60.0
    """A renamed file is read for so long after its last line, because its writer may reopen it late."""
    deleted: float = 5.0
    """The same for a deleted file."""


DEFAULT_TIMES = FollowTimes()


class ScanSchedule:
    """Decides when the next scan takes place. The result of a scan depends on the disk only, not on the schedule."""

    def __init__(self, times: FollowTimes = DEFAULT_TIMES) -> None:
        self.times = times
        self.next_scan = 0.0
        """By the monotonic clock."""
        self._earliest = 0.0

    def due(self) -> bool:
        """Whether to scan now."""
        return time.monotonic() >= self.next_scan

    def wait_seconds(self) -> float:
        """How long to wait for changes at most."""
        return max(0.0, self.next_scan - time.monotonic())

    def folder_changed(self) -> None:
        """Files were created, deleted or renamed: scan as soon as the share of the time allows it."""
        self.next_scan = min(self.next_scan, self._earliest)

    def scanned(self, seconds: float, *, polling: bool) -> None:
        """A scan has taken ``seconds``."""
        now, times = time.monotonic(), self.times
        self._earliest = now + max(_MIN_PAUSE_SECONDS, seconds * times.share / 10)
        self.next_scan = now + max(times.poll if polling else times.scan, seconds * times.share)
