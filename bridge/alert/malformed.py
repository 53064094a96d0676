"""The result of decoding bytes that are not an alert: a value with the reason."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ALERT_BYTES = 4 * 1024 * 1024
"""The largest message that is decoded. Falco's alerts are below 100 kB; those of plugins may contain whole objects."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are not an alert. Decoders return this and never raise."""

    reason: str
    """Completes the sentence "the message …". Never contains text from the message."""


def too_large(message: bytes) -> Malformed | None:
    """The rejection of a message larger than ``MAX_ALERT_BYTES``, or None."""
    if len(message) <= MAX_ALERT_BYTES:
        return None
    return Malformed(f"has {len(message)} bytes; the limit is {MAX_ALERT_BYTES}")


NO_CONTENT = Malformed("has neither a rule nor an output text")
"""An alert needs at least one of the two."""
NOT_FROM_FALCO = Malformed("is JSON, but not an alert of Falco")
"""Log lines of other programs, which may have members with the same names."""
