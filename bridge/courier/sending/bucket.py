"""A token bucket: how often a channel may be used. Pure: the clock is an argument, in nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.delivery.options import Rate

_SECOND = 1_000_000_000
_NEARLY_ONE = 1.0 - 1e-9
"""A token that is incomplete only because of rounding counts as one."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The tokens at a point in time."""

    tokens: float
    at_ns: int


def full(rate: Rate, now_ns: int) -> Bucket:
    """A bucket with the tokens of a burst."""
    return Bucket(max(rate.burst, 1.0), now_ns)


def filled(bucket: Bucket, rate: Rate, now_ns: int) -> Bucket:
    """The bucket with the tokens added since. A clock that was set back adds none."""
    gained = max(now_ns - bucket.at_ns, 0) / _SECOND * rate.per_second
    return Bucket(min(max(rate.burst, 1.0), bucket.tokens + gained), now_ns)


def available(bucket: Bucket, rate: Rate, now_ns: int) -> int:
    """How many sends may start now."""
    return int(filled(bucket, rate, now_ns).tokens + 1.0 - _NEARLY_ONE)


def taken(bucket: Bucket, rate: Rate, now_ns: int) -> Bucket:
    """The bucket after one send."""
    now = filled(bucket, rate, now_ns)
    return Bucket(now.tokens - 1.0, now_ns)


def next_ns(bucket: Bucket, rate: Rate, now_ns: int) -> int:
    """When the next send may start."""
    missing = _NEARLY_ONE - filled(bucket, rate, now_ns).tokens
    return now_ns if missing <= 0 else now_ns + int(missing / rate.per_second * _SECOND) + 1
