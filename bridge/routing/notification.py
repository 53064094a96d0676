"""What a channel is to be told, and why: the products of routing."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.alert import Priority


@dataclass(frozen=True, slots=True)
class Notification:
    """One message for one channel, told as templates: a channel fills them in with its own escaping."""

    channel: str
    routes: tuple[str, ...]
    """Every route that wanted this channel to hear, in file order; the first one's text is sent."""
    severity: Priority
    """The highest that those routes gave it; without one, the alert's own priority."""
    title: str | None = None
    """Template source, or None for the default headline."""
    message: str | None = None
    """Template source, or None for the default body."""
