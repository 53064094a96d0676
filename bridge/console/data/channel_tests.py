"""What channels answered to the test messages that visitors have sent. Kept until the console ends."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from bridge.operator.model.channels import ChannelTestResult

_MOST = 500


@dataclass(frozen=True, slots=True)
class Tested:
    """The latest test message of a channel."""

    sent_ns: int
    result: ChannelTestResult

    @property
    def text(self) -> str:
        """The answer in one line."""
        result = self.result
        said = f"{result.verdict} after {result.seconds:.1f} s"
        status = "" if result.status is None else f"status {result.status}"
        return "; ".join(part for part in (said, status, result.reason, result.note) if part)


@dataclass(slots=True)
class ChannelTests:
    """The latest test of each channel. Thread-safe."""

    _latest: dict[str, Tested] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, channel: str, sent_ns: int, result: ChannelTestResult) -> None:
        """Remember a result; the oldest one is forgotten beyond a bound."""
        with self._lock:
            self._latest.pop(channel, None)
            self._latest[channel] = Tested(sent_ns, result)
            while len(self._latest) > _MOST:
                del self._latest[next(iter(self._latest))]

    def latest(self) -> dict[str, Tested]:
        """By channel."""
        with self._lock:
            return dict(self._latest)
