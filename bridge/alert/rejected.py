"""A message that could not be decoded as an alert."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """Bytes that are not an alert. They are stored in the quarantine with the reason."""

    reason: str
    raw: bytes
