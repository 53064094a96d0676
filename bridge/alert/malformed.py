"""What comes of bytes that are not an alert: a value with the reason, for the journal and the operator."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ALERT_BYTES = 4 * 1024 * 1024
"""The largest message taken for an alert. Falco's own are below 100 kB; a plugin's may hold a whole object."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that hold no alert. Decoders return it; they never raise."""

    reason: str
    """Finishes the sentence "the message …": ours alone, free of what the message says."""


def too_large(message: bytes) -> Malformed | None:
    """The refusal of a message past ``MAX_ALERT_BYTES``, or None."""
    if len(message) <= MAX_ALERT_BYTES:
        return None
    return Malformed(f"has {len(message)} bytes; an alert has at most {MAX_ALERT_BYTES}")


NOTHING_SAID = Malformed("names no rule and has no output text")
"""The least that makes an alert is one of the two."""
