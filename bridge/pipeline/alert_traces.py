"""Traces what the router committed."""

from __future__ import annotations

from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock
from bridge.pipeline.writes import Write
from bridge.tracing.alert_spans import SPANS_OF_ALERT, BatchTimes, spans_of_alert
from bridge.tracing.ids import is_sampled, trace_id
from bridge.tracing.settings import TraceSettings
from bridge.tracing.tracer import Tracer

_SECOND = 1e9


class AlertTraces:
    """The traces of the router. Off until ``use`` is given settings."""

    def __init__(self, tracer: Tracer | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self.tracer = Tracer("router") if tracer is None else tracer
        self._clock = clock

    def use(self, settings: TraceSettings | None) -> None:
        """As in Tracer."""
        self.tracer.use(settings)

    def start(self) -> None:
        """As in BackgroundService: the tracer has a thread of its own."""

    def close(self) -> None:
        """Export what is queued, for a short time."""
        self.tracer.close()

    def committed(self, write: Write, seconds: float) -> None:
        """Trace the alerts of a transaction, which took ``seconds``. Never waits."""
        tracer = self.tracer
        if not tracer.sample or not write.entries:
            return
        times = self._times(write, seconds)
        for entry in write.entries:
            if not is_sampled(trace_id(entry.alert.id), tracer.sample):
                continue
            if tracer.has_room:
                tracer.offer(spans_of_alert(entry, times))
            else:
                tracer.drop(SPANS_OF_ALERT)

    def _times(self, write: Write, seconds: float) -> BatchTimes:
        committed_ns = self._clock.wall_ns()
        commit_ns = committed_ns - int(seconds * _SECOND)
        decide_ns = commit_ns - int(write.decided_in * _SECOND)
        return BatchTimes(
            write.source_name, write.received_ns, decide_ns, commit_ns, commit_ns, committed_ns, len(write.entries)
        )
