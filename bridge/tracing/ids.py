"""Ids of traces and spans, computed from the alert's id, so that router and courier agree without passing state."""

from __future__ import annotations

from hashlib import blake2b

_SAMPLED_BITS = 64
"""The lower bits of a trace id decide whether it is sampled, as OpenTelemetry's TraceIdRatioBased sampler does."""


def trace_id(alert_id: str) -> int:
    """The trace of an alert: 128 bits, never zero. The same alert has the same trace in every process and run."""
    return int.from_bytes(blake2b(alert_id.encode(), digest_size=16, person=b"falco trace").digest()) or 1


def span_id(alert_id: str, span: str) -> int:
    """A span of the alert's trace: 64 bits, never zero. ``span`` names it within the trace."""
    name = f"{alert_id}\n{span}".encode()
    return int.from_bytes(blake2b(name, digest_size=8, person=b"falco span").digest()) or 1


def is_sampled(trace: int, share: float) -> bool:
    """Whether a trace belongs to the share of traces that are exported."""
    return trace & ((1 << _SAMPLED_BITS) - 1) < round(share * (1 << _SAMPLED_BITS))
