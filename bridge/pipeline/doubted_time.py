"""The part of a forward step of the wall clock that retention does not count yet.

A clock that was set forward by mistake would let retention remove the whole journal at once. So a step forward, and a
long pause between two runs, which may be one, do not count for a day.
"""

from __future__ import annotations

from bridge.common.clocks.clock import Timeline

_HOUR_NS = 3600 * 1_000_000_000
DOUBT_NS = 24 * _HOUR_NS
"""How long a step forward is doubted. A shorter pause between two runs is not."""


class DoubtedTime:
    """Used by one thread."""

    def __init__(self, timeline: Timeline, latest_ns: int) -> None:
        """``latest_ns`` is when the newest alert was received; 0 without any."""
        self._timeline = timeline
        now_ns = timeline.now_ns()
        pause_ns = now_ns - latest_ns if latest_ns else 0
        self._doubted_ns = pause_ns if pause_ns > DOUBT_NS else 0
        self._until_ns = now_ns + DOUBT_NS

    def check(self) -> tuple[int, int]:
        """The time, and how much longer rows are stored at present; both in nanoseconds."""
        step = self._timeline.take_step()
        now_ns = self._timeline.now_ns()
        if step is not None:
            self._until_ns = step.moved(self._until_ns) if step.by_ns < _HOUR_NS else now_ns + DOUBT_NS
            self._doubted_ns = max(self._doubted_ns + step.by_ns, 0)
        if now_ns >= self._until_ns:
            self._doubted_ns = 0
        return now_ns, self._doubted_ns
