"""A service's response to one attempt, reduced to what the outcome depends on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Response:
    """Status, body and ``Retry-After`` of one attempt, or the reason why there is no response."""

    status: int | None = None
    """HTTP or SMTP status; None without a response."""
    retry_after: str | None = None
    """The ``Retry-After`` header as received."""
    body: bytes = b""
    """The first 64 KiB."""
    error: str = ""
    """Why there is no response; empty if there is one."""
    is_smtp: bool = False
    """Whether ``status`` is an SMTP code."""
