"""A token bucket: how often a channel may be used. Pure: the clock is an argument, in nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.delivery.options import Rate

_SECOND = 1_000_000_000
_NEARLY_ONE = 1.0 - 1e-9
"""A token that only rounding keeps from being whole is one."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was in it at some moment."""

    tokens: float
    at_ns: int


def full(rate: Rate, now_ns: int) -> Bucket:
    """As many tokens as a burst may take."""
    return Bucket(max(rate.burst, 1.0), now_ns)


def filled(bucket: Bucket, rate: Rate, now_ns: int) -> Bucket:
    """With what has come in since; a clock that was set back adds nothing."""
    gained = max(now_ns - bucket.at_ns, 0) / _SECOND * rate.per_second
    return Bucket(min(max(rate.burst, 1.0), bucket.tokens + gained), now_ns)


def whole(bucket: Bucket, rate: Rate, now_ns: int) -> int:
    """How many sends may begin now."""
    return int(filled(bucket, rate, now_ns).tokens + 1.0 - _NEARLY_ONE)


def taken(bucket: Bucket, rate: Rate, now_ns: int) -> Bucket:
    """After one send."""
    now = filled(bucket, rate, now_ns)
    return Bucket(now.tokens - 1.0, now_ns)


def next_ns(bucket: Bucket, rate: Rate, now_ns: int) -> int:
    """When the next send may begin."""
    missing = _NEARLY_ONE - filled(bucket, rate, now_ns).tokens
    return now_ns if missing <= 0 else now_ns + int(missing / rate.per_second * _SECOND) + 1
