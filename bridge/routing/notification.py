"""One message for one channel, as the router asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.alert import Priority


@dataclass(frozen=True, slots=True)
class Notification:
    """One message for one channel. Texts are templates, which the channel renders with its own escaping."""

    channel: str
    routes: tuple[str, ...]
    """The names of all routes that notify this channel, in file order. The text is the first route's."""
    severity: Priority
    """The highest severity of those routes. A route without one has the alert's priority."""
    title: str | None = None
    """Template source, or None for the default title."""
    message: str | None = None
    """Template source, or None for the default message."""
